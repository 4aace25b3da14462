#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.hpp"

namespace YAML {
class Node;
}

namespace sb {

/// Reads one YAML text of the shape section → key → scalar or list of scalars, with environment variables on top, into
/// variables that hold the defaults. It never stops at the first mistake; `finish` has them all. Used once at start, by
/// one thread.
class settings_reader {
 public:
  settings_reader(std::string file, const environment& variables);

  /// Takes the text in; what is wrong with its shape is noted. Called at most once, before anything else.
  void take(const std::string& yaml);

  /// All following keys belong to this section.
  void section(std::string_view name);

  // Each reads one key of the current section into `out`, or leaves `out` as it is (key absent, or wrong and noted).
  void integer(std::string_view key, std::int32_t& out, std::int32_t min, std::int32_t max);
  void integer(std::string_view key, std::int64_t& out, std::int64_t min, std::int64_t max);
  void integers(std::string_view key, std::vector<std::int32_t>& out, std::int32_t min, std::int32_t max,
                std::size_t count_max);
  /// A decimal of percent with at most two decimals, kept as hundredths.
  void percent(std::string_view key, std::int32_t& hundredths, std::int32_t hundredths_max);
  /// "HH:MM" from 00:00 to 24:00 as a minute of the day.
  void time_of_day(std::string_view key, std::int32_t& minute);
  /// UTF-8 without control characters. `alphabet` empty: anything.
  void text(std::string_view key, std::string& out, std::size_t min, std::size_t max, std::string_view alphabet = {});

  /// One of `words`; Enum's values count from 0 in the order of `words`.
  template <class Enum>
  void word(std::string_view key, Enum& out, std::span<const std::string_view> words) {
    if (const auto index = choice(key, words)) out = static_cast<Enum>(*index);
  }
  /// A list of some of `words`, at least one, none twice.
  template <class Enum>
  void words(std::string_view key, std::vector<Enum>& out, std::span<const std::string_view> words) {
    const auto indices = choices(key, words);
    if (!indices) return;
    out.clear();
    for (const auto index : *indices) out.push_back(static_cast<Enum>(index));
  }
  /// The same, as one flag for each word.
  template <std::size_t N>
  void flags(std::string_view key, std::array<bool, N>& out, const std::array<std::string_view, N>& words) {
    const auto indices = choices(key, words);
    if (!indices) return;
    out.fill(false);
    for (const auto index : *indices) out[index] = true;
  }
  /// A key that belongs into an environment variable: present in the file is a mistake. Not one of `names`.
  void secret(std::string_view key, std::string_view use_instead);

  /// Notes a mistake between keys ("section.key") of which each alone is right; it stands at the last of them that was
  /// given. Nothing is noted if one of them already has a mistake, for then its value is only the default.
  void refuse(std::initializer_list<std::string_view> keys, const std::string& what);

  /// Notes unknown sections, keys and variables. All mistakes, those of the file first, by line.
  std::vector<settings_mistake> finish();
  const std::vector<std::string>& names() const { return names_; }

 private:
  /// A value as written, and where. A key has the file's and then the variable's; both are checked, the last one
  /// counts.
  struct given {
    std::string file;
    std::int32_t line = 0;
    std::string shown_key;  ///< section.key, or the variable's name
    std::vector<std::string> items;
    bool list = false;
    bool quoted = false;
    bool wrong = false;
  };

  std::vector<given>& values(std::string_view key);
  /// The values of a key that are not known to be wrong, each with exactly one item; lists are noted.
  std::vector<given*> scalars(std::string_view key, const std::string& expected);
  /// The same as lists; a variable's text is split at its commas.
  std::vector<given*> lists(std::string_view key, const std::string& expected);
  std::optional<std::size_t> choice(std::string_view key, std::span<const std::string_view> words);
  std::optional<std::vector<std::size_t>> choices(std::string_view key, std::span<const std::string_view> words);
  void take_field(const std::string& section, const YAML::Node& key, const YAML::Node& value);
  void note(given& at, const std::string& what);
  void note_value(given& at, const std::string& value, const std::string& expected);

  std::string file_;
  const environment& variables_;
  std::string section_;
  std::vector<std::string> names_;
  std::map<std::string, std::int32_t, std::less<>> section_lines_;  ///< of the file
  std::set<std::string, std::less<>> sections_;                     ///< that exist
  std::set<std::string, std::less<>> known_;                        ///< section.key and names of variables that exist
  std::map<std::string, std::vector<given>, std::less<>> entries_;  ///< by section.key
  std::vector<settings_mistake> mistakes_;
};

}  // namespace sb
