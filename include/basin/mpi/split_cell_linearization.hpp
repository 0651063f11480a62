#pragma once

// The derivative of a cell on slices of a grid. mpi/split_cell.hpp includes this.

#include <algorithm>
#include <cstdint>
#include <memory>
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
      : Linearization(split, z, u.shape()) {
    each(z, [&](Index n, std::size_t i, const detail::Piece& piece, View<const S> from) {
      const bool own = i < pieces_.first_over();
      const View<S> value = own ? out.sample(n) : values_.emplace_back(from.shape()).view();
      linears_.push_back(basin::detail::linearize_with<C, S>(
          split.cell, theta, prepared, split.context_of(context, n, piece), from, split.injected(u, n, piece), value));
      report_ += forward_report(linears_.back());
      if (!own) copy_right(piece, View<const S>(value), out.sample(n));
    });
  }

  /// Of a step that was made before, with its marks.
  Linearization(const SplitCell& split, std::span<const S, param_count> theta, View<const S> z,
                const std::uint8_t* marks, const Context& context, const Prepared<S>& prepared)
      : Linearization(split, z, z.shape().with_features(0)) {
    each(z, [&](Index n, std::size_t i, const detail::Piece& piece, View<const S> from) {
      const Context here = split.context_of(context, n, piece);
      const std::uint8_t* of_piece = marks + n * z.shape().cells_per_sample();
      if (i >= pieces_.first_over()) {
        Scratch scratch;
        auto& own =
            marks_.emplace_back(std::make_unique<std::uint8_t[]>(static_cast<std::size_t>(from.shape().cells())));
        static_cast<void>(split.cell.template step<S>(theta, from, scratch.state<S>(from.shape()), own.get(), here));
        of_piece = own.get();
      }
      linears_.push_back(split.cell.template linearize_again<S>(theta, from, of_piece, here, prepared));
    });
  }

  /// What solves inside the cell did when it was linearized; those of cells around a border count twice.
  [[nodiscard]] Report report() const { return report_; }
  /// What is here of a sample, for solvers.
  [[nodiscard]] Extent extent(const Shape& one) const { return split_.extent(one); }

  /// For a rollout: from now on records go to this log, or for one call to the one that is given with it.
  void log_to(SolveLog* log) {
    for (OfPiece& linear : linears_) linear.log_to(log);
  }

  Report jvp(View<const S> t, View<S> out) const { return push(t, out); }
  Report jvp(View<const S> t, View<S> out, SolveLog* log) const { return push(t, out, log); }

  /// t: with slices of the neighbours, as the injection.
  Report jvp_input(View<const S> t, View<S> out) const {
    basin::check_shape("mpi::SplitCell", "t of jvp_input", t.shape(), u_shape_);
    Report report;
    each_piece([&](Index n, std::size_t i, const detail::Piece& piece) {
      Scratch scratch;
      const View<S> to = scratch.state<S>(split_.piece_shape(piece, z_shape_.features));
      report += report_of([&] { return linear(n, i).jvp_input(split_.injected(t, n, piece), to); });
      copy_right(piece, View<const S>(to), out.sample(n));
    });
    return report;
  }

  Report vjp(View<const S> w, View<S> dz) const {
    return backward(w, dz, View<S>{}, [](const OfPiece& linear, View<const S> w_piece, View<S> dz_piece, View<S>) {
      return report_of([&] { return linear.vjp(w_piece, dz_piece); });
    });
  }
  Report vjp(View<const S> w, View<S> dz, SolveLog* log) const {
    return backward(w, dz, View<S>{}, [&](const OfPiece& linear, View<const S> w_piece, View<S> dz_piece, View<S>) {
      return report_of([&] { return linear.vjp(w_piece, dz_piece, log); });
    });
  }

  /// du: with slices of the neighbours, as the injection.
  Report vjp_input(View<const S> w, View<S> du) const {
    return backward(w, View<S>{}, du, [](const OfPiece& linear, View<const S> w_piece, View<S>, View<S> du_piece) {
      return report_of([&] { return linear.vjp_input(w_piece, du_piece); });
    });
  }

  /// dtheta is that of this rank's slices.
  Report pullback(View<const S> w, View<S> dz, View<S> du, ThetaGradient<S, param_count> dtheta) const {
    return backward(w, dz, du, [&](const OfPiece& linear, View<const S> w_piece, View<S> dz_piece, View<S> du_piece) {
      return report_of([&] { return linear.pullback(w_piece, dz_piece, du_piece, dtheta); });
    });
  }
  Report pullback(View<const S> w, View<S> dz, View<S> du, ThetaGradient<S, param_count> dtheta, SolveLog* log) const {
    return backward(w, dz, du, [&](const OfPiece& linear, View<const S> w_piece, View<S> dz_piece, View<S> du_piece) {
      return report_of([&] { return linear.pullback(w_piece, dz_piece, du_piece, dtheta, log); });
    });
  }

 private:
  using OfPiece = decltype(basin::detail::linearize_with<C, S>(
      std::declval<const C&>(), std::declval<std::span<const S, param_count>>(),
      static_cast<const Prepared<S>*>(nullptr), std::declval<const Context&>(), View<const S>{}, View<const S>{},
      View<S>{}));

  Linearization(const SplitCell& split, View<const S> z, const Shape& u_shape)
      : split_(split),
        z_shape_(z.shape()),
        u_shape_(u_shape),
        pieces_(split.pieces(halo())),
        room_(pieces_.room() * halo().numbers()),
        states_(static_cast<std::size_t>(room_ * z.samples())) {
    const std::size_t all = pieces_.count() * static_cast<std::size_t>(z.samples());
    linears_.reserve(all);
    values_.reserve(all);  // what refers to them does not move
  }

  [[nodiscard]] detail::Halo<S> halo() const { return split_.template halo<S>(z_shape_.features); }
  [[nodiscard]] const OfPiece& linear(Index n, std::size_t i) const {
    return linears_[static_cast<std::size_t>(n) * pieces_.count() + i];
  }

  /// make(sample, number of the piece, piece, its z) for all of them, while slices of the neighbours come into states_.
  template <class Make>
  void each(View<const S> z, const Make& make) {
    for (Index n = 0; n < z.samples(); ++n) {
      auto around = halo();
      detail::InPieces<S> from(pieces_, around, z.sample(n).data(), states_.data() + n * room_);
      from.start();
      for (std::size_t i = 0; i < pieces_.count(); ++i) {
        if (i == pieces_.first_over()) from.wait();
        make(n, i, pieces_[i], View<const S>(from[i], split_.piece_shape(pieces_[i], z_shape_.features)));
      }
      from.wait();
    }
  }
  template <class Body>
  void each_piece(const Body& body) const {
    for (Index n = 0; n < z_shape_.samples; ++n) {
      for (std::size_t i = 0; i < pieces_.count(); ++i) body(n, i, pieces_[i]);
    }
  }

  /// What is right of a piece's result to where it belongs in a sample.
  void copy_right(const detail::Piece& piece, View<const S> from, View<S> out) const {
    const Index numbers = split_.grid->slice_cells() * z_shape_.features;
    std::copy_n(from.data() + (piece.begin - piece.first) * numbers, (piece.end - piece.begin) * numbers,
                out.data() + piece.begin * numbers);
  }

  template <class... Log>
  Report push(View<const S> t, View<S> out, Log*... log) const {
    check_jvp<S>("mpi::SplitCell", z_shape_, z_shape_, t, out);
    return split_.template each_forward<S>(
        t, out, [&](Index n, std::size_t i, const detail::Piece&, View<const S> from, View<S> to) {
          return report_of([&] { return linear(n, i).jvp(from, to, log...); });
        });
  }

  /// dz and du, those of the two that are wanted, are the sums of what pull(linearization, w, dz, du) makes of the
  /// pieces, each with the w of its own result.
  template <class Pull>
  Report backward(View<const S> w, View<S> dz, View<S> du, const Pull& pull) const {
    basin::check_shape("mpi::SplitCell", "w", w.shape(), z_shape_);
    if (dz) basin::check_shape("mpi::SplitCell", "dz", dz.shape(), z_shape_);
    if (du) {
      basin::check_shape("mpi::SplitCell", "du", du.shape(), u_shape_);
      du.vector().setZero();
    }
    Report report;
    for (Index n = 0; n < w.samples(); ++n) {
      Scratch scratch;
      auto around = halo();
      const Index numbers = around.numbers();
      S* const over = scratch.take<S>(dz ? pieces_.room() * numbers : 0);  // dz of pieces that reach over a border
      const auto one = [&](std::size_t i, S* dz_here) {
        Scratch inner;
        const detail::Piece& piece = pieces_[i];
        const View<S> of_result = inner.state<S>(split_.piece_shape(piece, z_shape_.features));
        of_result.vector().setZero();
        std::copy_n(w.sample(n).data() + piece.begin * numbers, (piece.end - piece.begin) * numbers,
                    of_result.data() + (piece.begin - piece.first) * numbers);
        const View<S> dz_piece = dz ? View<S>(dz_here, of_result.shape()) : View<S>{};
        const View<S> du_all = du ? split_.injected(du, n, piece) : View<S>{};
        const View<S> du_piece = du ? inner.state<S>(du_all.shape()) : View<S>{};
        report += pull(linear(n, i), View<const S>(of_result), dz_piece, du_piece);
        if (du) du_all.vector() += du_piece.vector();
      };
      const std::size_t first = pieces_.first_over();
      for (std::size_t i = first; i < pieces_.count(); ++i) one(i, over + pieces_.place(i) * numbers);
      detail::Returning<S> shares(around, scratch);
      if (dz) shares.start(over, over + pieces_.above(around.after()) * numbers);
      S* const own = dz ? dz.sample(n).data() : nullptr;
      if (first == 1) {
        one(0, own);
      } else if (dz) {
        std::fill_n(own, dz.shape().sample_size(), S(0));
      }
      if (!dz) continue;
      for (std::size_t i = first; i < pieces_.count(); ++i) {
        const detail::Piece& piece = pieces_[i];
        const Index from = std::max<Index>(0, piece.first), to = std::min(piece.last, around.own());
        const S* const part = over + (pieces_.place(i) + from - piece.first) * numbers;
        for (Index j = 0; j < (to - from) * numbers; ++j) own[from * numbers + j] += part[j];
      }
      shares.add_to(own);
    }
    return report;
  }

  SplitCell split_;
  Shape z_shape_, u_shape_;
  detail::Pieces pieces_;
  Index room_;                                            // numbers of a sample in states_
  std::vector<S> states_;                                 // of pieces that reach over a border
  std::vector<State<S>> values_{};                        // of those, what the cell gives
  std::vector<std::unique_ptr<std::uint8_t[]>> marks_{};  // of those, for a linearization from marks
  std::vector<OfPiece> linears_{};                        // of each sample, those of its pieces
  Report report_{};
};

}  // namespace basin::mpi
