#include "config/settings_reader.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <sstream>
#include <tuple>
#include <utility>

#include "domain/money.hpp"

namespace sb {
namespace {

constexpr std::string_view variable_prefix = "STOCKSBLITZ_";
constexpr std::string_view environment_name = "environment";

std::string upper(std::string_view text) {
  std::string result;
  for (const char c : text) result += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return result;
}

std::string variable_name(std::string_view section, std::string_view key) {
  return std::string{variable_prefix} + upper(section) + "_" + upper(key);
}

std::string joined(std::span<const std::string_view> words) {
  std::string result;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) result += i + 1 == words.size() ? " or " : ", ";
    result += words[i];
  }
  return result;
}

/// Decimal digits with an optional '-'. Leading zeros are refused: YAML 1.1 reads them as octal, people do not.
std::optional<std::int64_t> parse_integer(std::string_view text) {
  const auto digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range)  // a number all the same: let the bounds refuse it
    return text.front() == '-' ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
  return error == std::errc{} ? std::optional{value} : std::nullopt;
}

std::string range_text(std::int64_t min, std::int64_t max) {
  return "a whole number from " + std::to_string(min) + " to " + std::to_string(max);
}

std::int32_t line_of(const YAML::Node& node) { return node.Mark().line + 1; }

std::optional<std::int32_t> parse_time_of_day(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto two_digits = [&](std::size_t at) {
    const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9' ? text[i] - '0' : 100; };
    return digit(at) * 10 + digit(at + 1);
  };
  const auto minute = two_digits(0) * 60 + two_digits(3);
  return two_digits(3) <= 59 && minute <= 1'440 ? std::optional{minute} : std::nullopt;
}

/// The file from top to bottom, then the environment, which was set later than the file was written.
template <class A, class B>
bool in_reading_order(const A& a, const B& b) {
  return std::tuple{a.file == environment_name, a.line} < std::tuple{b.file == environment_name, b.line};
}

/// Where the content of a document begins.
class begin_of_document final : public YAML::EventHandler {
 public:
  const std::optional<YAML::Mark>& mark() const { return mark_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& at, YAML::anchor_t) override { begins(at); }
  void OnAlias(const YAML::Mark& at, YAML::anchor_t) override { begins(at); }
  void OnScalar(const YAML::Mark& at, const std::string&, YAML::anchor_t, const std::string&) override { begins(at); }
  void OnSequenceStart(const YAML::Mark& at, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    begins(at);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& at, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    begins(at);
  }
  void OnMapEnd() override {}

 private:
  void begins(const YAML::Mark& at) {
    if (!mark_) mark_ = at;
  }
  std::optional<YAML::Mark> mark_;
};

/// Where a second document begins, if there is one. YAML::LoadAll would not say: behind a finished document it takes a
/// stray comma for one document after another, without end.
std::optional<YAML::Mark> second_document(const std::string& yaml) {
  std::istringstream in{yaml};
  YAML::Parser parser{in};
  begin_of_document first;
  begin_of_document second;
  if (parser.HandleNextDocument(first)) parser.HandleNextDocument(second);
  return second.mark();
}

}  // namespace

settings_reader::settings_reader(std::string file, const environment& variables)
    : file_{std::move(file)}, variables_{variables} {}

void settings_reader::take(const std::string& yaml) {
  YAML::Node root;
  std::optional<YAML::Mark> second;
  try {
    root = YAML::Load(yaml);
    second = second_document(yaml);
  } catch (const YAML::Exception& refused) {
    const auto line = refused.mark.is_null() ? 0 : refused.mark.line + 1;
    mistakes_.push_back({file_, line, "yaml", refused.msg});
    return;
  }
  if (second) mistakes_.push_back({file_, second->line + 1, "yaml", "a second document begins here; one is allowed"});
  if (root.IsNull()) return;
  if (!root.IsMap()) {
    mistakes_.push_back({file_, line_of(root), "yaml", "must be sections with keys"});
    return;
  }
  for (const auto& section : root) {
    if (!section.first.IsScalar()) {
      mistakes_.push_back({file_, line_of(section.first), "yaml", "a section's name must be a word"});
      continue;
    }
    const auto& name = section.first.Scalar();
    const auto [first, fresh] = section_lines_.emplace(name, line_of(section.first));
    if (!fresh) {
      mistakes_.push_back(
          {file_, line_of(section.first), name, "this section is already in line " + std::to_string(first->second)});
      continue;
    }
    if (section.second.IsNull()) continue;
    if (!section.second.IsMap()) {
      mistakes_.push_back({file_, line_of(section.first), name, "must have keys below it"});
      continue;
    }
    for (const auto& field : section.second) take_field(name, field.first, field.second);
  }
}

void settings_reader::take_field(const std::string& section, const YAML::Node& key, const YAML::Node& value) {
  if (!key.IsScalar()) {
    mistakes_.push_back({file_, line_of(key), section, "a key must be a word"});
    return;
  }
  const auto full = section + "." + key.Scalar();
  auto& entry = entries_[full];
  if (!entry.empty()) {
    mistakes_.push_back({file_, line_of(key), full, "is already in line " + std::to_string(entry.front().line)});
    return;
  }
  auto& field = entry.emplace_back(given{file_, line_of(key), full, {}});
  if (value.IsScalar()) {
    field.items.push_back(value.Scalar());
    field.quoted = value.Tag() == "!";
  } else if (value.IsSequence()) {
    field.list = true;
    for (const auto& item : value) {
      if (item.IsScalar()) {
        field.items.push_back(item.Scalar());
      } else if (!field.wrong) {
        note(field, "each item of this list must be one value");
      }
    }
  } else {
    note(field, value.IsNull() ? "has no value" : "must be a value, not a map");
  }
}

void settings_reader::section(std::string_view name) {
  section_ = name;
  sections_.emplace(name);
}

std::vector<settings_reader::given>& settings_reader::values(std::string_view key) {
  const auto full = section_ + "." + std::string{key};
  names_.push_back(full);
  known_.insert(full);
  const auto variable = variable_name(section_, key);
  known_.insert(variable);
  auto& entry = entries_[full];
  if (const auto set = variables_.find(variable); set != variables_.end())
    entry.push_back(given{std::string{environment_name}, 0, variable, {set->second}});
  return entry;
}

std::vector<settings_reader::given*> settings_reader::scalars(std::string_view key, const std::string& expected) {
  std::vector<given*> result;
  for (auto& value : values(key)) {
    if (value.wrong) continue;
    if (value.list) {
      note(value, "must be " + expected + ", not a list");
    } else {
      result.push_back(&value);
    }
  }
  return result;
}

std::vector<settings_reader::given*> settings_reader::lists(std::string_view key, const std::string& expected) {
  std::vector<given*> result;
  for (auto& value : values(key)) {
    if (value.wrong) continue;
    if (!value.list && value.file == environment_name) {
      const auto all = std::exchange(value.items, {}).front();
      for (std::size_t from = 0; from <= all.size();) {
        const auto to = std::min(all.find(',', from), all.size());
        value.items.push_back(all.substr(from, to - from));
        from = to + 1;
      }
      value.list = true;
    }
    if (!value.list) {
      note(value, "must be a list of " + expected);
    } else {
      result.push_back(&value);
    }
  }
  return result;
}

void settings_reader::note(given& at, const std::string& what) {
  at.wrong = true;
  mistakes_.push_back({at.file, at.line, at.shown_key, what});
}

void settings_reader::note_value(given& at, const std::string& value, const std::string& expected) {
  constexpr std::size_t shown_max = 40;
  const auto shown = value.size() <= shown_max ? value : value.substr(0, shown_max) + "...";
  note(at, "must be " + expected + ", not \"" + shown + "\"");
}

void settings_reader::integer(std::string_view key, std::int64_t& out, std::int64_t min, std::int64_t max) {
  const auto expected = range_text(min, max);
  for (auto* value : scalars(key, expected)) {
    const auto number = value->quoted ? std::nullopt : parse_integer(value->items.front());
    if (number && *number >= min && *number <= max) {
      out = *number;
    } else {
      note_value(*value, value->items.front(), expected);
    }
  }
}

void settings_reader::integer(std::string_view key, std::int32_t& out, std::int32_t min, std::int32_t max) {
  std::int64_t wide = out;
  integer(key, wide, std::int64_t{min}, std::int64_t{max});
  out = static_cast<std::int32_t>(wide);
}

void settings_reader::integers(std::string_view key, std::vector<std::int32_t>& out, std::int32_t min, std::int32_t max,
                               std::size_t count_max) {
  for (auto* value : lists(key, "whole numbers")) {
    if (value->items.empty() || value->items.size() > count_max) {
      note(*value, "must have 1 to " + std::to_string(count_max) + " items");
      continue;
    }
    std::vector<std::int32_t> numbers;
    for (const auto& item : value->items) {
      const auto number = parse_integer(item);
      if (!number || *number < min || *number > max) {
        note_value(*value, item, "a list, each item " + range_text(min, max));
        break;
      }
      numbers.push_back(static_cast<std::int32_t>(*number));
    }
    if (!value->wrong) out = std::move(numbers);
  }
}

void settings_reader::percent(std::string_view key, std::int32_t& hundredths, std::int32_t hundredths_max) {
  constexpr std::int64_t ticks_per_hundredth = money::unit / 100;
  const auto expected =
      "a percentage from 0 to " + std::to_string(hundredths_max / 100) + " with at most two decimals and no % sign";
  for (auto* value : scalars(key, expected)) {
    const auto parsed = parse_money(value->items.front());
    const auto ticks = parsed.value.ticks;
    if (value->quoted || parsed.error != number_error::none || ticks < 0 || ticks % ticks_per_hundredth != 0 ||
        ticks > std::int64_t{hundredths_max} * ticks_per_hundredth) {
      note_value(*value, value->items.front(), expected);
    } else {
      hundredths = static_cast<std::int32_t>(ticks / ticks_per_hundredth);
    }
  }
}

void settings_reader::time_of_day(std::string_view key, std::int32_t& minute) {
  const std::string expected = "a time from 00:00 to 24:00";
  for (auto* value : scalars(key, expected)) {
    if (const auto parsed = parse_time_of_day(value->items.front())) {
      minute = *parsed;
    } else {
      note_value(*value, value->items.front(), expected);
    }
  }
}

void settings_reader::text(std::string_view key, std::string& out, std::size_t min, std::size_t max,
                           std::string_view alphabet) {
  auto expected = (min == max ? "" : std::to_string(min) + " to ") + std::to_string(max) + " characters";
  expected += alphabet.empty() ? " without control characters" : " of " + std::string{alphabet};
  const auto allowed = [&](char c) {
    return alphabet.empty() ? static_cast<unsigned char>(c) >= 0x20 && c != 0x7f : alphabet.find(c) != alphabet.npos;
  };
  for (auto* value : scalars(key, expected)) {
    const auto& written = value->items.front();
    if (written.size() < min || written.size() > max || !std::all_of(written.begin(), written.end(), allowed)) {
      note_value(*value, written, expected);
    } else {
      out = written;
    }
  }
}

std::optional<std::size_t> settings_reader::choice(std::string_view key, std::span<const std::string_view> words) {
  std::optional<std::size_t> chosen;
  for (auto* value : scalars(key, joined(words))) {
    const auto found = std::find(words.begin(), words.end(), value->items.front());
    if (found == words.end()) {
      note_value(*value, value->items.front(), joined(words));
    } else {
      chosen = static_cast<std::size_t>(found - words.begin());
    }
  }
  return chosen;
}

std::optional<std::vector<std::size_t>> settings_reader::choices(std::string_view key,
                                                                 std::span<const std::string_view> words) {
  std::optional<std::vector<std::size_t>> chosen;
  for (auto* value : lists(key, joined(words))) {
    std::vector<std::size_t> indices;
    for (const auto& item : value->items) {
      const auto found = std::find(words.begin(), words.end(), item);
      const auto index = static_cast<std::size_t>(found - words.begin());
      if (found == words.end()) {
        note_value(*value, item, "a list of " + joined(words));
        break;
      }
      if (std::find(indices.begin(), indices.end(), index) != indices.end()) {
        note(*value, "has \"" + item + "\" twice");
        break;
      }
      indices.push_back(index);
    }
    if (value->items.empty()) note(*value, "must have at least one of " + joined(words));
    if (!value->wrong) chosen = std::move(indices);
  }
  return chosen;
}

void settings_reader::secret(std::string_view key, std::string_view use_instead) {
  const auto full = section_ + "." + std::string{key};
  known_.insert(full);
  if (const auto entry = entries_.find(full); entry != entries_.end())
    for (auto& value : entry->second)
      note(value, "is a secret and has no place in this file: use " + std::string{use_instead});
}

void settings_reader::refuse(std::initializer_list<std::string_view> keys, const std::string& what) {
  const given* last = nullptr;
  for (const auto key : keys) {
    const auto entry = entries_.find(key);
    if (entry == entries_.end()) continue;
    for (const auto& value : entry->second) {
      if (value.wrong) return;
      if (!last || in_reading_order(*last, value)) last = &value;
    }
  }
  if (last) mistakes_.push_back({last->file, last->line, last->shown_key, what});
}

std::vector<settings_mistake> settings_reader::finish() {
  for (const auto& [name, line] : section_lines_)
    if (!sections_.contains(name)) mistakes_.push_back({file_, line, name, "there is no such section"});
  for (const auto& [full, entry] : entries_)
    if (!known_.contains(full) && sections_.contains(full.substr(0, full.find('.'))))
      mistakes_.push_back({file_, entry.front().line, full, "there is no such key"});
  for (const auto& [variable, value] : variables_) {
    const auto ours = [&name = variable](const std::string& section) {
      return name.starts_with(variable_name(section, ""));
    };
    if (!known_.contains(variable) && std::any_of(sections_.begin(), sections_.end(), ours))
      mistakes_.push_back({std::string{environment_name}, 0, variable, "there is no such setting"});
  }
  std::stable_sort(mistakes_.begin(), mistakes_.end(),
                   [](const auto& a, const auto& b) { return in_reading_order(a, b); });
  return std::move(mistakes_);
}

}  // namespace sb
