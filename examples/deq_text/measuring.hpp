#pragma once
#include <cstdio>
#include "trainer.hpp"
namespace deq_text {
struct Measured {
  double loss = 0, second_half = 0, nonconverged = 0, evaluations = 0;
};

template <class Tested>
Measured loss_of(const Tested& model, const basin::Parameters<Tested, float>& theta, const Windows& windows) {
  const auto p = basin::predict(model, theta, windows.tokens.view());
  Measured m;
  Index cells = windows.context(), n = 0;
  for (Index s = 0; s < windows.count(); ++s)
    for (Index i = 0; i < cells; ++i, ++n) {
      const auto y = p.output.view().matrix().col(n).template cast<double>().array();
      const double most = y.maxCoeff();
      const double l = most + std::log((y - most).exp().sum()) - y[windows.labels[static_cast<std::size_t>(n)]];
      m.loss += l;
      if (2 * i >= cells) m.second_half += l;
    }
  m.loss /= static_cast<double>(n);
  m.second_half /= static_cast<double>(n) / 2;
  m.nonconverged = p.report.forward.nonconverged_fraction();
  m.evaluations = p.report.forward.mean_evaluations();
  return m;
}

template <class M>
void quick(const Settings& settings, const basin::Parameters<M, float>& theta, const Text& text) {
  const Windows windows = windows_in_order(text.validation, settings.context, settings.context,
                                           settings.windows ? settings.windows : 100000);
  const State<float> start = start_of(theta.span(), windows.tokens.view());
  const auto say = [](const char* what, int k, const Measured& m) {
    std::printf("%s %d: loss %.4f second half %.4f  nonconverged %.3f evaluations %.2f\n", what, k, m.loss,
                m.second_half, m.nonconverged, m.evaluations);
  };
  if constexpr (std::is_same_v<M, Untied>) {
    say("untied", 4, loss_of(untied_model(start.view()), theta, windows));
  } else {
    for (const int k : {2, 4, 6, 8, 16, 32}) {
      const auto t = theta.template as<Unrolled>();
      say("steps", k, loss_of(unrolled_model(k, 0, start.view()), t, windows));
    }
    for (const double tol : {1e-1, 1e-2, 1e-3}) {
      say("tolerance 1e", static_cast<int>(std::log10(tol)),
          loss_of(settled_model(tol, 60, start.view()), theta, windows));
    }
  }
}
}  // namespace deq_text
