#pragma once

// The text that the program makes if it is given none: short tales, in which who comes home, from where and with what
// is said at the beginning and has to be known at the end.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "basin/core/random.hpp"

namespace deq_text {

/// Some tales one after the other, `characters` or a little more; each a function of the seed and of its number.
[[nodiscard]] inline std::string tales(std::size_t characters, std::uint64_t seed) {
  constexpr std::array<std::string_view, 12> names{"Mara", "Tom",  "Ines", "Old Bram", "Lisbet", "Koen",
                                                   "Yara", "Odil", "Piet", "Sanna",    "Wim",    "Young Ada"};
  constexpr std::array<std::string_view, 12> places{"the mill",   "the harbour", "the tower",  "the old bridge",
                                                    "the market", "the quarry",  "the chapel", "the orchard",
                                                    "the ferry",  "the inn",     "the forge",  "the lighthouse"};
  constexpr std::array<std::string_view, 12> things{"a lantern", "a rope",   "a red kite",     "a basket of pears",
                                                    "a kettle",  "a violin", "a sack of salt", "a blue cup",
                                                    "a ladder",  "a map",    "a clock",        "a pair of boots"};
  constexpr std::array<std::string_view, 7> days{"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                 "Friday", "Saturday", "Sunday"};
  constexpr std::array<std::string_view, 6> weather{"It rained all day.",          "The wind had turned.",
                                                    "Nobody was on the road.",     "The river stood high.",
                                                    "Snow lay on the low fields.", "The bells were ringing."};
  constexpr std::array<std::string_view, 4> greetings{"What do you bring", "What have you there",
                                                      "Show me what you have", "What is it this time"};
  std::string text;
  for (std::uint64_t tale = 0; text.size() < characters; ++tale) {
    const basin::Random random{seed, tale};
    const auto pick = [&](std::uint64_t i, const auto& words) {
      return std::string(words[random.below(i, words.size())]);
    };
    const auto other = [&](std::uint64_t i, const auto& words, const std::string& than) {
      for (std::uint64_t again = i;; again += 100) {
        if (const std::string word = pick(again, words); word != than) return word;
      }
    };
    const std::string who = pick(0, names), home = pick(1, places), thing = pick(2, things), day = pick(3, days);
    const std::string friend_of = other(4, names, who), away = other(5, places, home), gift = other(6, things, thing);
    text += who + " lived at " + home + ", and " + friend_of + " at " + away + ". ";
    text += "On a " + day + " " + who + " took " + thing + " and went to " + away + ". ";
    if (random.below(7, 2) == 0) text += pick(8, weather) + " ";
    text += "\"" + pick(9, greetings) + ", " + who + "?\" said " + friend_of + ". ";
    text += "\"I bring you " + thing + ",\" said " + who + ". ";
    if (random.below(10, 2) == 0) text += pick(11, weather) + " ";
    text += "So " + friend_of + " kept " + thing + " at " + away + " and gave " + who + " " + gift + ". ";
    text += "By " + day + " night " + who + " was back at " + home + " with " + gift + ".\n\n";
  }
  return text;
}

}  // namespace deq_text
