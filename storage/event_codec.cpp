#include "storage/event_codec.hpp"

#include <charconv>
#include <limits>

#include "storage/json_value.hpp"

namespace sb {
namespace {

void put_integer(std::string& out, std::int64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

void put_escaped(std::string& out, unsigned char c) {
  constexpr char hex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += hex[c >> 4];
      out += hex[c & 15];
  }
}

void put_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t written = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, written, at - written);
    put_escaped(out, c);
    written = at + 1;
  }
  out.append(text, written);
  out += '"';
}

void put_principal(std::string& out, const principal& by) {
  out += R"({"w":)";
  put_integer(out, static_cast<std::int64_t>(by.who));
  out += R"(,"o":)";
  put_integer(out, by.organization.value);
  out += R"(,"u":)";
  put_integer(out, by.user.value);
  out += R"(,"i":)";
  put_string(out, by.credential);
  out += R"(,"m":)";
  put_string(out, by.auth_method);
  out += '}';
}

void put_event(std::string& out, const event_record& event, const event_record* before) {
  out += R"({"t":)";
  put_string(out, event.type);
  out += R"(,"v":)";
  put_integer(out, event.schema);
  if (before == nullptr || before->by != event.by) {
    out += R"(,"p":)";
    put_principal(out, event.by);
  }
  if (before == nullptr || before->correlation != event.correlation) {
    out += R"(,"c":)";
    put_string(out, event.correlation);
  }
  out += R"(,"k":)";
  put_string(out, event.causation);
  out += R"(,"b":)";
  out += event.body;
  out += '}';
}

/// Reads exactly the layout that pack writes. A general JSON tree would lose the bodies' own text (number spelling,
/// member order), and that text is what the hash chain and the readers of the bodies rely on. `text` is known to be
/// valid JSON, so no position runs past its end inside a string or an object.
class layout_reader {
 public:
  explicit layout_reader(std::string_view text) : text_{text} {}

  bool literal(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }

  bool integer(std::int64_t& value, std::int64_t min, std::int64_t max) {
    const char* const from = text_.data() + at_;
    const auto [end, error] = std::from_chars(from, text_.data() + text_.size(), value);
    if (error != std::errc{} || value < min || value > max) return false;
    at_ += static_cast<std::size_t>(end - from);
    return true;
  }

  bool string(std::string& value) {
    const std::size_t from = at_;
    if (!skip_string()) return false;
    const std::string_view quoted = text_.substr(from, at_ - from);
    if (quoted.find('\\') == std::string_view::npos) {
      value.assign(quoted.substr(1, quoted.size() - 2));
      return true;
    }
    std::string why;
    std::string_view unescaped;
    const auto read = parse_json(quoted, why);
    if (!read || read->get(unescaped) != simdjson::SUCCESS) return false;
    value.assign(unescaped);
    return true;
  }

  bool object(std::string& raw) {
    const std::size_t from = at_;
    if (at_ == text_.size() || text_[at_] != '{') return false;
    std::size_t depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        if (!skip_string()) return false;
        continue;
      }
      ++at_;
      if (c == '{') ++depth;
      if (c == '}' && --depth == 0) {
        raw.assign(text_.substr(from, at_ - from));
        return true;
      }
    }
    return false;
  }

  bool at_end() const { return at_ == text_.size(); }
  std::size_t position() const { return at_; }

 private:
  bool skip_string() {
    if (at_ == text_.size() || text_[at_] != '"') return false;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') return ++at_, true;
      if (text_[at_] != '\\') continue;
      if (text_.substr(at_, 6) == "\\u0000") return false;  // PostgreSQL's jsonb cannot hold it
      ++at_;
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

constexpr std::int64_t any_min = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t any_max = std::numeric_limits<std::int64_t>::max();

bool read_principal(layout_reader& in, principal& by) {
  std::int64_t who = 0;
  if (!in.literal(R"({"w":)") || !in.integer(who, 0, 2)) return false;
  by.who = static_cast<principal::kind>(who);
  return in.literal(R"(,"o":)") && in.integer(by.organization.value, any_min, any_max) && in.literal(R"(,"u":)") &&
         in.integer(by.user.value, any_min, any_max) && in.literal(R"(,"i":)") && in.string(by.credential) &&
         in.literal(R"(,"m":)") && in.string(by.auth_method) && in.literal("}");
}

bool read_event(layout_reader& in, event_record& event, const event_record* before) {
  std::int64_t schema = 0;
  if (!in.literal(R"({"t":)") || !in.string(event.type)) return false;
  if (!in.literal(R"(,"v":)") || !in.integer(schema, 1, std::numeric_limits<std::int32_t>::max())) return false;
  event.schema = static_cast<std::int32_t>(schema);
  if (in.literal(R"(,"p":)")) {
    if (!read_principal(in, event.by)) return false;
  } else {
    if (before == nullptr) return false;
    event.by = before->by;
  }
  if (in.literal(R"(,"c":)")) {
    if (!in.string(event.correlation)) return false;
  } else {
    if (before == nullptr) return false;
    event.correlation = before->correlation;
  }
  return in.literal(R"(,"k":)") && in.string(event.causation) && in.literal(R"(,"b":)") && in.object(event.body) &&
         in.literal("}");
}

}  // namespace

std::size_t packed_bytes(const std::vector<event_record>& events) {
  // Names, quotes and the schema's number; ids of up to eight digits; nothing that needs an escape.
  constexpr std::size_t around_event = 28;
  constexpr std::size_t around_principal = 52;
  constexpr std::size_t around_correlation = 7;
  std::size_t size = 2;
  const event_record* before = nullptr;
  for (const auto& event : events) {
    size += around_event + event.type.size() + event.causation.size() + event.body.size();
    if (before == nullptr || before->by != event.by)
      size += around_principal + event.by.credential.size() + event.by.auth_method.size();
    if (before == nullptr || before->correlation != event.correlation)
      size += around_correlation + event.correlation.size();
    before = &event;
  }
  return size;
}

std::string pack(const std::vector<event_record>& events) {
  std::string out;
  out.reserve(packed_bytes(events));
  out += '[';
  const event_record* before = nullptr;
  for (const auto& event : events) {
    if (before != nullptr) out += ',';
    put_event(out, event, before);
    before = &event;
  }
  out += ']';
  return out;
}

std::optional<std::vector<event_record>> unpack(std::string_view body, std::string& why) {
  if (!parse_json(body, why)) return std::nullopt;
  layout_reader in{body};
  std::vector<event_record> events;
  bool complete = in.literal("[");
  do {
    event_record event;
    complete = complete && read_event(in, event, events.empty() ? nullptr : &events.back());
    if (complete) events.push_back(std::move(event));
  } while (complete && in.literal(","));
  if (!complete || !in.literal("]") || !in.at_end()) {
    why = "unexpected at byte " + std::to_string(in.position()) + " of event " + std::to_string(events.size() + 1);
    return std::nullopt;
  }
  if (pack(events) != body) {  // another spelling of the same events: repeated principal, needless escape
    why = "not the canonical form";
    return std::nullopt;
  }
  return events;
}

}  // namespace sb
