#pragma once

// A model whose input is whole numbers: each cell holds a token, 0 to Tokens - 1, and the layer inside gets a vector of
// C learned numbers for it, C its in_features:
//
//   y = body(x),   x(:, cell) = E(:, token(cell)),   dE(:, token) = the sum of dx over the cells that hold it.
//
// Tokens are (1, X, Y, Z, N) of Token; y is what the body gives. There is no derivative in a token, so this is a model
// for value_and_gradient and predict, and no layer for others to contain.

#include <string>

#include "basin/core/layer.hpp"

namespace basin {

template <int Tokens, class Body>
struct Embedded {
  static_assert(Tokens > 0, "Embedded: the number of tokens must be positive");
  static_assert(Layer<Body>, "Embedded: the second argument must be a layer");
  static_assert(Body::in_features > 0, "Embedded: the layer must say how many features it takes");

  static constexpr bool takes_tokens = true;  ///< for basin::takes_tokens (core/layer.hpp)
  static constexpr bool changes_with_step = basin::changes_with_step<Body>;
  static constexpr int features = Body::in_features;  ///< C: numbers that are learned for a token
  /// Numbers of E, with which theta begins: C of token 0, C of token 1, and so on.
  static constexpr std::size_t table_count = std::size_t{Tokens} * features;
  static constexpr std::size_t param_count = table_count + Body::param_count;

  Body body{};  ///< the layer inside, with its options

  static void leaves(LeafList& list) {
    // PyTorch's order is (tokens, features), as if features went in.
    list.weight("embedding", {features, Tokens}, features, Tokens, {LeafAxis::in, LeafAxis::out});
    list.nested<Body>("body");
  }

  [[nodiscard]] Shape out_shape(const Shape& tokens) const {
    check_features("Embedded", tokens.features, 1);
    return body.out_shape(tokens.with_features(features));
  }

  /// Throws std::invalid_argument for a token that is none of 0 to Tokens - 1, and for shapes that do not fit.
  template <class S>
  Report apply(Theta<S, param_count> theta, View<const Token> tokens, View<S> y, const Context& context = {}) const {
    check_shape("Embedded", "y", y.shape(), out_shape(tokens.shape()));
    Scratch scratch;
    const View<S> x = scratch.state<S>(tokens.shape().with_features(features));
    look_up(theta.data(), tokens, x);
    return report_of([&] { return body.apply(of_body(theta), View<const S>(x), y, context); });
  }

  /// The derivative in theta. Refers to theta, tokens and y.
  template <class S>
  class Linearization {
   public:
    Linearization(const Embedded& model, std::span<const S, param_count> theta, View<const Token> tokens, View<S> y,
                  const Context& context)
        : tokens_(tokens),
          x_(tokens.shape().size() * features),
          inner_(model.body.linearize(of_body(theta), looked_up(theta.data()), y, context)) {}

    // Moves alone: what is inside refers to x_.
    Linearization(Linearization&&) = default;
    Linearization& operator=(Linearization&&) = default;

    [[nodiscard]] Report report() const { return forward_report(inner_); }

    /// dtheta += (dy/dtheta)^T w.
    Report pullback(View<const S> w, ThetaGradient<S, param_count> dtheta) const {
      Scratch scratch;
      const View<S> dx = scratch.state<S>(tokens_.shape().with_features(features));
      const Report report = report_of([&] { return inner_.pullback(w, dx, dtheta.template subspan<table_count>()); });
      for (Index cell = 0; cell < tokens_.size(); ++cell) {
        S* row = dtheta.data() + Index{tokens_.data()[cell]} * features;
        for (int c = 0; c < features; ++c) row[c] += dx.data()[cell * features + c];
      }
      return report;
    }

   private:
    View<const S> looked_up(const S* table) {
      const View<S> x(x_.data(), tokens_.shape().with_features(features));
      look_up(table, tokens_, x);
      return x;
    }

    View<const Token> tokens_;
    Buffer<S> x_;  // stays where it is when this moves
    LinearizationOf<Body, S> inner_;
  };

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, View<const Token> tokens, View<S> y,
                             const Context& context = {}) const {
    check_shape("Embedded", "y", y.shape(), out_shape(tokens.shape()));
    return Linearization<S>(*this, theta, tokens, y, context);
  }

 private:
  template <class S>
  static std::span<const S, Body::param_count> of_body(std::span<const S, param_count> theta) {
    return theta.template subspan<table_count>();
  }

  template <class S>
  static void look_up(const S* table, View<const Token> tokens, View<S> x) {
    for (Index cell = 0; cell < tokens.size(); ++cell) {
      const Token token = tokens.data()[cell];
      if (token < 0 || token >= Tokens) check(false, "Embedded: token", token, "0 to " + std::to_string(Tokens - 1));
      std::copy_n(table + Index{token} * features, features, x.data() + cell * features);
    }
  }
};

}  // namespace basin
