#include "actors/trade/brokers/paper_record.hpp"

#include <array>
#include <charconv>
#include <optional>
#include <stdexcept>
#include <utility>

namespace sb::paper {
namespace {

constexpr std::string_view header_text = "stocksblitz-paper-book 1";
constexpr std::string_view broker_order_prefix = "PB";
constexpr std::size_t checksum_length = 8;

constexpr std::array<std::uint32_t, 256> crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1U) != 0 ? 0xedb88320U ^ (value >> 1) : value >> 1;
    table[i] = value;
  }
  return table;
}();

constexpr std::string_view digits = "0123456789abcdef";

void put_checksum(char* to, std::uint32_t value) {
  for (std::size_t i = checksum_length; i-- > 0; value >>= 4) to[i] = digits[value & 0xfU];
}

// ---- writing
// ---------------------------------------------------------------------------------------------------------
class line_writer {
 public:
  line_writer(std::string& out, std::int64_t line_number) : out_{out}, begin_{out.size()} {
    out_.append(checksum_length, '0');
    put(line_number);
  }
  void kind(std::string_view name) {
    out_ += ' ';
    out_ += name;
  }
  void put(std::int64_t value) {
    std::array<char, 21> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    out_ += ' ';
    out_.append(text.data(), end);
  }
  void put(wall_ms at) { put(at.value); }
  void put(money price) { put(price.ticks); }
  void put(std::string_view text) {
    out_ += ' ';
    if (text.empty()) out_ += '-';
    for (const char c : text) {
      const auto byte = static_cast<std::uint8_t>(c);
      if (byte > ' ' && byte < 0x7f && c != '%' && c != '-') {
        out_ += c;
        continue;
      }
      // A lone '-' stands for "empty"; inside a symbol it is common and needs no escape.
      if (c == '-' && text.size() > 1) {
        out_ += c;
        continue;
      }
      out_ += '%';
      out_ += digits[byte >> 4];
      out_ += digits[byte & 0xfU];
    }
  }
  void put(const broker::place& order) {
    put(order.id);
    put(order.organization.value);
    put(order.account.value);
    put(order.exchange);
    put(order.symbol);
    put(word(order.direction));
    put(word(order.type));
    put(word(order.product));
    put(word(order.valid));
    put(order.quantity);
    put(order.price);
  }
  void finish() {
    put_checksum(out_.data() + begin_, checksum_of(std::string_view{out_}.substr(begin_ + checksum_length)));
    out_ += '\n';
  }

 private:
  std::string& out_;
  std::size_t begin_;
};

struct fact_writer {
  line_writer& line;
  void operator()(const placed& x) const {
    line.kind("placed");
    line.put(x.number);
    line.put(x.order);
    line.put(x.at);
  }
  void operator()(const rejected& x) const {
    line.kind("rejected");
    line.put(x.number);
    line.put(x.report);
    line.put(x.order);
    line.put(x.code);
    line.put(x.message);
    line.put(x.at);
  }
  void operator()(const filled& x) const {
    line.kind("filled");
    line.put(x.number);
    line.put(x.report);
    line.put(x.fill.fill_id);
    line.put(x.fill.quantity);
    line.put(x.fill.price);
    line.put(x.fill.at);
  }
  void operator()(const repeated& x) const {
    line.kind("repeated");
    line.put(x.number);
    line.put(x.report);
    line.put(x.fill_id);
    line.put(x.at);
  }
  void operator()(const canceled& x) const { closing("canceled", x); }
  void operator()(const expired& x) const { closing("expired", x); }
  void operator()(const revoked& x) const {
    line.kind("revoked");
    line.put(x.number);
    line.put(x.report);
    line.put(x.code);
    line.put(x.message);
    line.put(x.at);
  }
  void operator()(const blocked& x) const {
    line.kind("blocked");
    line.put(x.id);
    line.put(x.account.value);
    line.put(x.at);
  }
  template <class Closing>
  void closing(std::string_view name, const Closing& x) const {
    line.kind(name);
    line.put(x.number);
    line.put(x.report);
    line.put(x.at);
  }
};

// ---- reading
// ---------------------------------------------------------------------------------------------------------
struct unreadable {
  std::string why;
};

/// Throws `unreadable` at the first field that is not what is asked for; decode_line turns that into its answer.
class line_reader {
 public:
  explicit line_reader(std::string_view text) : rest_{text} {}

  std::string_view word_field() {
    if (rest_.empty() || rest_.front() != ' ') throw unreadable{"a field is missing"};
    rest_.remove_prefix(1);
    const std::string_view field = rest_.substr(0, rest_.find(' '));
    rest_.remove_prefix(field.size());
    if (field.empty()) throw unreadable{"a field is empty"};
    return field;
  }
  std::int64_t number() {
    const std::string_view field = word_field();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (error != std::errc{} || end != field.data() + field.size()) throw unreadable{"a field is not a number"};
    return value;
  }
  std::int64_t positive() {
    const std::int64_t value = number();
    if (value <= 0) throw unreadable{"a number is not positive"};
    return value;
  }
  std::int64_t not_negative() {
    const std::int64_t value = number();
    if (value < 0) throw unreadable{"a number is negative"};
    return value;
  }
  wall_ms at() { return {number()}; }
  std::string text() {
    const std::string_view field = word_field();
    if (field == "-") return {};
    std::string plain;
    plain.reserve(field.size());
    for (std::size_t i = 0; i < field.size(); ++i) {
      if (field[i] != '%') {
        plain += field[i];
        continue;
      }
      std::uint8_t byte = 0;
      const char* begin = field.data() + i + 1;
      if (i + 2 >= field.size() || std::from_chars(begin, begin + 2, byte, 16).ptr != begin + 2)
        throw unreadable{"an escape is not %XX"};
      plain += static_cast<char>(byte);
      i += 2;
    }
    return plain;
  }
  template <class Enum>
  Enum one_of(std::optional<Enum> (*from)(std::string_view)) {
    const auto value = from(word_field());
    if (!value) throw unreadable{"a word is not known"};
    return *value;
  }
  broker::place order() {
    broker::place order;
    order.id = text();
    order.organization = {number()};
    order.account = {number()};
    order.exchange = text();
    order.symbol = text();
    order.direction = one_of(side_from);
    order.type = one_of(order_type_from);
    order.product = one_of(product_type_from);
    order.valid = one_of(validity_from);
    order.quantity = number();
    order.price = {number()};
    return order;
  }
  void end() const {
    if (!rest_.empty()) throw unreadable{"there are more fields than the kind has"};
  }

 private:
  std::string_view rest_;
};

// Fields are read in the order in which a braced list names them; that order is guaranteed.
record read_fact(std::string_view kind, line_reader& in) {
  if (kind == "placed") return placed{in.positive(), in.order(), in.at()};
  if (kind == "rejected") return rejected{in.positive(), in.not_negative(), in.order(), in.text(), in.text(), in.at()};
  if (kind == "filled") {
    return filled{in.positive(), in.positive(), broker::fill{in.text(), in.positive(), {in.number()}, in.at()}};
  }
  if (kind == "repeated") return repeated{in.positive(), in.positive(), in.text(), in.at()};
  if (kind == "canceled") return canceled{in.positive(), in.positive(), in.at()};
  if (kind == "expired") return expired{in.positive(), in.positive(), in.at()};
  if (kind == "revoked") return revoked{in.positive(), in.positive(), in.text(), in.text(), in.at()};
  if (kind == "blocked") return blocked{in.text(), {in.number()}, in.at()};
  throw unreadable{"the kind of record is not known"};
}

}  // namespace

std::uint32_t checksum_of(std::string_view bytes) {
  std::uint32_t value = 0xffffffffU;
  for (const char byte : bytes) value = crc_table[(value ^ static_cast<std::uint8_t>(byte)) & 0xffU] ^ (value >> 8);
  return ~value;
}

std::string broker_order_id(std::int64_t number) { return std::string{broker_order_prefix} + std::to_string(number); }

std::int64_t number_of(std::string_view broker_order_id) {
  if (!broker_order_id.starts_with(broker_order_prefix)) return 0;
  const std::string_view digits_part = broker_order_id.substr(broker_order_prefix.size());
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits_part.data(), digits_part.data() + digits_part.size(), value);
  const bool whole = error == std::errc{} && end == digits_part.data() + digits_part.size();
  return whole && value > 0 && digits_part.front() != '0' ? value : 0;
}

std::string header_line() { return std::string{header_text} + '\n'; }

void append_line(std::string& out, std::int64_t line_number, const record& fact) {
  const std::size_t begin = out.size();
  line_writer line{out, line_number};
  std::visit(fact_writer{line}, fact);
  line.finish();
  if (out.size() - begin > line_length_max)
    throw std::logic_error{"a record of the paper book is too long to be read again"};
}

decoded_line decode_line(std::string_view line, std::int64_t line_number) {
  if (line.size() < checksum_length) return {{}, "the line is too short"};
  std::array<char, checksum_length> expected{};
  put_checksum(expected.data(), checksum_of(line.substr(checksum_length)));
  if (line.substr(0, checksum_length) != std::string_view{expected.data(), expected.size()})
    return {{}, "the checksum does not match"};
  try {
    line_reader in{line.substr(checksum_length)};
    if (in.number() != line_number) return {{}, "the line number is not its place in the file"};
    decoded_line decoded;
    const std::string_view kind = in.word_field();
    decoded.fact = read_fact(kind, in);
    in.end();
    return decoded;
  } catch (const unreadable& error) {
    return {{}, error.why};
  }
}

}  // namespace sb::paper
