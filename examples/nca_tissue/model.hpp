#pragma once

// The automata of nca_tissue. A cell has four features, 1 for its kind and 0 for the others, and sees those of the nine
// places around it. A mixture has six rules of 660 numbers each, and a network as large that says how likely each
// is there; each cell draws one of them at each step (S. Milite, G. Caravagna, A. Sottoriva, "Mixtures of Neural
// Cellular Automata", 2025). What it is compared with is one rule, of as many numbers in all.
//
// A network that answers for a cell is trained as a convolution, of the same theta, which takes a batch at once.

#include <cstdint>

#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/mix.hpp"
#include "basin/layers/parallel.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/train/mixture_loss.hpp"
#include "tissue.hpp"

namespace nca_tissue {

inline constexpr int rules = 6, hidden = 16, seen = 9 * kinds;
inline constexpr int hidden_of_one = 113;  ///< of the one rule: 4,637 numbers beside the mixture's 4,654

template <int Hidden, int Out>
using Net = basin::Sequential<basin::Dense<seen, Hidden>, basin::Relu, basin::Dense<Hidden, Out>>;
template <int Hidden, int Out>
using ConvNet = basin::Sequential<basin::Conv<kinds, Hidden, 3>, basin::Relu, basin::Dense<Hidden, Out>>;

/// All that cells of a mixture answer: a number for each rule, and what each rule adds to the state.
template <template <int, int> class Network>
using Answers =
    basin::Concat<Network<hidden, rules>, Network<hidden, kinds>, Network<hidden, kinds>, Network<hidden, kinds>,
                  Network<hidden, kinds>, Network<hidden, kinds>, Network<hidden, kinds>>;
using Mixture = Answers<ConvNet>;
using OneRule = ConvNet<hidden_of_one, kinds>;
using MixtureTheta = basin::Parameters<Mixture, float>;
using OneTheta = basin::Parameters<OneRule, float>;

template <class Rule>
using Cells = basin::Automaton<basin::PerceiveBox2<kinds, basin::Zero>, Rule, basin::EveryCell>;
template <basin::MixChoice Choice>
using Mixing = Cells<basin::Sequential<Answers<Net>, basin::Mix<rules, kinds, Choice>>>;
using Drawing = basin::Rollout<Mixing<basin::MixChoice::drawn>>;  ///< each cell draws one of the rules
using Meaning = basin::Rollout<Mixing<basin::MixChoice::mean>>;   ///< each cell takes the mean of them
using Single = basin::Rollout<Cells<Net<hidden_of_one, kinds>>>;

/// The theta of an automaton from that of the network it was trained as: the numbers of a convolution are those of a
/// dense layer that sees its nine places.
template <class Automata, class Network>
[[nodiscard]] basin::Parameters<Automata, float> rule_of(const basin::Parameters<Network, float>& theta) {
  static_assert(Automata::param_count == Network::param_count);
  basin::Parameters<Automata, float> rule;
  rule.vector() = theta.vector();
  return rule;
}

}  // namespace nca_tissue
