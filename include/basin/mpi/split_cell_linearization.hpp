#pragma once

// The derivative of a cell on slices of a grid. mpi/split_cell.hpp includes this.

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "basin/mpi/split_cell.hpp"

namespace basin::mpi {

template <class C, Reach reach>
template <class S>
class SplitCell<C, reach>::Linearization {
 public:
  Linearization(const SplitCell& split, std::span<const S, param_count> theta, View<const S> z, View<const S> u,
                View<S> out, const Context& context, const Prepared<S>* prepared)
      : split_(split), u_shape_(u.shape()) {
    const auto around = split.template halo<S>(z.shape().features);
    const Index before = around.before() * around.numbers();
    z_.resize(static_cast<std::size_t>(z.size() + before + around.after() * around.numbers()));
    std::copy_n(z.data(), z.size(), z_.data() + before);
    linears_.reserve(3);
    values_.reserve(2);
    split_.forward(
        z_.data() + before, out, [&](std::size_t i, const detail::Piece& piece, View<const S> from, View<S> to) {
          const bool keeps = to.data() != out.data();  // `to` ends with this call
          if (keeps) values_.emplace_back(to.shape());
          const View<S> value = keeps ? values_.back().view() : to;
          linears_.push_back(basin::detail::linearize_with<C, S>(
              split.cell, theta, prepared, split_.context_of(context, piece), from, split_.injected(u, piece), value));
          if (keeps) to.vector() = value.vector();
          report_ += forward_report(linears_[i]);
        });
  }

  /// What solves inside the cell did when it was linearized.
  [[nodiscard]] Report report() const { return report_; }
  [[nodiscard]] Extent extent(const Shape& one) const { return split_.extent(one); }

  Report jvp(View<const S> t, View<S> out) const {
    Report report;
    Scratch scratch;
    split_.forward(split_.with_room(t, scratch), out,
                   [&](std::size_t i, const detail::Piece&, View<const S> from, View<S> to) {
                     report += report_of([&] { return linears_[i].jvp(from, to); });
                   });
    return report;
  }

  /// t: with slices of the neighbours, as the injection.
  Report jvp_input(View<const S> t, View<S> out) const {
    basin::check_shape("mpi::SplitCell", "t of jvp_input", t.shape(), u_shape_);
    Report report;
    each_piece([&](std::size_t i, const detail::Piece& piece) {
      Scratch scratch;
      const View<S> to = scratch.state<S>(state_of(piece));
      report += report_of([&] { return linears_[i].jvp_input(split_.injected(t, piece), to); });
      const View<S> right = own_of(to.data(), piece.begin - piece.first, piece.end - piece.first);
      std::copy_n(right.data(), right.size(), own_of(out.data(), piece.begin, piece.end).data());
    });
    return report;
  }

  Report vjp(View<const S> w, View<S> dz) const {
    return backward(w, dz, View<S>{}, [&](std::size_t i, View<const S> w_piece, View<S> dz_piece, View<S>) {
      return report_of([&] { return linears_[i].vjp(w_piece, dz_piece); });
    });
  }

  /// du: with slices of the neighbours, as the injection.
  Report vjp_input(View<const S> w, View<S> du) const {
    return backward(w, View<S>{}, du, [&](std::size_t i, View<const S> w_piece, View<S>, View<S> du_piece) {
      return report_of([&] { return linears_[i].vjp_input(w_piece, du_piece); });
    });
  }

  /// dtheta is that of this rank's slices.
  Report pullback(View<const S> w, View<S> dz, View<S> du, ThetaGradient<S, param_count> dtheta) const {
    return backward(w, dz, du, [&](std::size_t i, View<const S> w_piece, View<S> dz_piece, View<S> du_piece) {
      return report_of([&] { return linears_[i].pullback(w_piece, dz_piece, du_piece, dtheta); });
    });
  }

 private:
  [[nodiscard]] detail::Halo<S> around() const { return split_.template halo<S>(split_.grid->whole().features); }
  template <class T>
  [[nodiscard]] View<T> own_of(T* own, Index first, Index last) const {
    return split_.slices(own, split_.grid->whole().features, first, last);
  }
  [[nodiscard]] Shape state_of(const detail::Piece& piece) const {
    return split_.with_slices(split_.grid->whole(), piece.last - piece.first).with_samples(1);
  }
  template <class Body>
  void each_piece(const Body& body) const {
    const detail::Pieces all = split_.pieces(around());
    for (std::size_t i = 0; i < static_cast<std::size_t>(all.count); ++i) body(i, all.of[i]);
  }

  /// dz and du, those of the two that are wanted, are the sums of what pull(number, w, dz, du) makes of the pieces,
  /// each with the w of its own result.
  template <class Pull>
  Report backward(View<const S> w, View<S> dz, View<S> du, const Pull& pull) const {
    basin::check_shape("mpi::SplitCell", "w", w.shape(), split_.grid->shape().with_samples(1));
    if (dz) basin::check_shape("mpi::SplitCell", "dz", dz.shape(), w.shape());
    if (du) basin::check_shape("mpi::SplitCell", "du", du.shape(), u_shape_);
    Report report;
    Scratch scratch;
    detail::Halo<S> neighbours = around();
    S* all = nullptr;  // dz with room for the neighbours' shares
    if (dz) {
      const View<S> room = scratch.state<S>(
          split_.with_slices(w.shape(), neighbours.before() + split_.grid->count() + neighbours.after()));
      room.vector().setZero();
      all = room.data() + neighbours.before() * neighbours.numbers();
    }
    if (du) du.vector().setZero();
    const detail::Pieces pieces = split_.pieces(neighbours);
    const auto one = [&](std::size_t i) {
      Scratch inner;
      const detail::Piece& piece = pieces.of[i];
      const View<S> of_result = inner.state<S>(state_of(piece));
      of_result.vector().setZero();
      const View<const S> right = own_of(w.data(), piece.begin, piece.end);
      std::copy_n(right.data(), right.size(),
                  own_of(of_result.data(), piece.begin - piece.first, piece.end - piece.first).data());
      const View<S> dz_piece = dz ? inner.state<S>(of_result.shape()) : View<S>{};
      const View<S> du_all = du ? split_.injected(du, piece) : View<S>{};
      const View<S> du_piece = du ? inner.state<S>(du_all.shape()) : View<S>{};
      report += pull(i, View<const S>(of_result), dz_piece, du_piece);
      if (dz) own_of(all, piece.first, piece.last).vector() += dz_piece.vector();
      if (du) du_all.vector() += du_piece.vector();
    };
    for (std::size_t i = 1; i < static_cast<std::size_t>(pieces.count); ++i) one(i);
    if (!pieces.early) one(0);
    typename SplitCell::template Returning<S> shares(split_, neighbours, scratch);
    if (dz) shares.start(all);
    if (pieces.early) one(0);
    if (!dz) return report;
    shares.add_to(all);
    std::copy_n(all, dz.size(), dz.data());
    return report;
  }

  using LinearizationOfPiece = decltype(basin::detail::linearize_with<C, S>(
      std::declval<const C&>(), std::declval<std::span<const S, param_count>>(),
      static_cast<const Prepared<S>*>(nullptr), std::declval<const Context&>(), View<const S>{}, View<const S>{},
      View<S>{}));

  SplitCell split_;
  Shape u_shape_;
  std::vector<S> z_;              // with the neighbours' slices
  std::vector<State<S>> values_;  // of pieces that reach over a border
  std::vector<LinearizationOfPiece> linears_;
  Report report_{};
};

}  // namespace basin::mpi
