#include "actors/trade/brokers/booked_orders.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "actors/trade/brokers/paper_record.hpp"

namespace sb::paper {
namespace {

constexpr std::size_t block_size = std::size_t{1} << 18;
constexpr unsigned block_bits = 32;  ///< a place is the block's number and, in so many bits, where in it

// ---- packing: numbers in groups of seven bits, the lowest first; texts after their length
class packer {
 public:
  explicit packer(std::string& out) : out_{out} {}

  void put(std::int64_t value) {
    auto left = static_cast<std::uint64_t>(value);
    while (left >= 0x80) {
      out_ += static_cast<char>(left | 0x80);
      left >>= 7;
    }
    out_ += static_cast<char>(left);
  }
  template <class Enum>
  void put_word(Enum value) {
    out_ += static_cast<char>(value);
  }
  void put(std::string_view text) {
    put(std::ssize(text));
    out_ += text;
  }
  void put(const symbol_market* market) {
    out_.append(reinterpret_cast<const char*>(&market), sizeof market);  // lives as long as the book
  }

 private:
  std::string& out_;
};

class unpacker {
 public:
  explicit unpacker(const char* from) : next_{from} {}

  std::int64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(*next_++);
      value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if (byte < 0x80) return static_cast<std::int64_t>(value);
    }
  }
  template <class Enum>
  Enum word() {
    return static_cast<Enum>(*next_++);
  }
  std::string_view text() {
    const auto size = static_cast<std::size_t>(number());
    return {std::exchange(next_, next_ + size), size};
  }
  symbol_market* market() {
    symbol_market* where = nullptr;
    std::memcpy(&where, next_, sizeof where);
    next_ += sizeof where;
    return where;
  }

 private:
  const char* next_;
};

/// The id stands first, so that it can be compared without unpacking the rest. The usual id of a fill follows from its
/// place, and is not kept.
std::string pack(std::int64_t number, const booked_order& order) {
  std::string bytes;
  packer out{bytes};
  out.put(order.id);
  out.put(order.organization.value);
  out.put(order.account.value);
  out.put(order.market);
  out.put(order.quantity);
  out.put(order.price.ticks);
  out.put(order.placed_at.value);
  out.put_word(order.direction);
  out.put_word(order.type);
  out.put_word(order.product);
  out.put_word(order.valid);
  out.put_word(order.state);
  out.put(std::ssize(order.fills));
  for (std::size_t i = 0; i < order.fills.size(); ++i) {
    const auto& fill = order.fills[i];
    out.put(fill.fill_id == fill_id(number, i + 1) ? std::string_view{} : fill.fill_id);
    out.put(fill.quantity);
    out.put(fill.price.ticks);
    out.put(fill.at.value);
  }
  out.put(std::int64_t{order.rejection.has_value()});
  if (order.rejection) {
    out.put(order.rejection->code);
    out.put(order.rejection->message);
  }
  return bytes;
}

booked_order unpack(std::int64_t number, const char* bytes) {
  unpacker in{bytes};
  booked_order order;
  order.id = in.text();
  order.organization = {in.number()};
  order.account = {in.number()};
  order.market = in.market();
  order.quantity = in.number();
  order.price = {in.number()};
  order.placed_at = {in.number()};
  order.direction = in.word<side>();
  order.type = in.word<order_type>();
  order.product = in.word<product_type>();
  order.valid = in.word<validity>();
  order.state = in.word<broker::book_state>();
  order.fills.resize(static_cast<std::size_t>(in.number()));
  for (std::size_t i = 0; i < order.fills.size(); ++i) {
    auto& fill = order.fills[i];
    fill.fill_id = in.text();
    if (fill.fill_id.empty()) fill.fill_id = fill_id(number, i + 1);
    fill.quantity = in.number();
    fill.price = {in.number()};
    fill.at = {in.number()};
    order.filled += fill.quantity;
  }
  if (in.number() != 0) {
    auto& why = order.rejection.emplace();
    why.code = in.text();
    why.message = in.text();
  }
  return order;
}

std::size_t hash_of(std::string_view id) { return std::hash<std::string_view>{}(id); }

}  // namespace

std::int64_t booked_orders::add(booked_order order) {
  const std::int64_t number = count() + 1;
  numbers_of_id_.emplace(hash_of(order.id), number);
  numbers_of_account_[order.account].push_back(number);
  const bool works = order.state == broker::book_state::working;
  places_.push_back(works ? 0 : keep(pack(number, order)));
  if (works) working_.emplace_hint(working_.end(), number, std::move(order));
  return number;
}

booked_order* booked_orders::working(std::int64_t number) {
  const auto found = working_.find(number);
  return found == working_.end() ? nullptr : &found->second;
}

const booked_order* booked_orders::working(std::int64_t number) const {
  const auto found = working_.find(number);
  return found == working_.end() ? nullptr : &found->second;
}

booked_order booked_orders::at(std::int64_t number) const {
  if (const auto* order = working(number)) return *order;
  return unpack(number, packed_at(places_.at(static_cast<std::size_t>(number) - 1)));
}

void booked_orders::close(std::int64_t number, broker::book_state how, std::optional<broker::rejected> why) {
  auto closed = working_.extract(number);
  if (closed.empty()) throw std::logic_error{"an order of the paper book is closed that does not work"};
  closed.mapped().state = how;
  closed.mapped().rejection = std::move(why);
  places_[static_cast<std::size_t>(number) - 1] = keep(pack(number, closed.mapped()));
}

std::vector<std::int64_t> booked_orders::with_id(const order_id& id) const {
  std::vector<std::int64_t> numbers;
  const auto [first, last] = numbers_of_id_.equal_range(hash_of(id));
  for (auto each = first; each != last; ++each) {
    const auto* here = working(each->second);
    const auto place = places_[static_cast<std::size_t>(each->second) - 1];
    if (here != nullptr ? here->id == id : unpacker{packed_at(place)}.text() == id) numbers.push_back(each->second);
  }
  std::ranges::sort(numbers);
  return numbers;
}

const std::vector<std::int64_t>& booked_orders::of_account(account_id account) const {
  static const std::vector<std::int64_t> none;
  const auto found = numbers_of_account_.find(account);
  return found == numbers_of_account_.end() ? none : found->second;
}

std::uint64_t booked_orders::keep(const std::string& packed) {
  if (blocks_.empty()) blocks_.emplace_back();
  if (blocks_.size() == 1 || blocks_.back().capacity() - blocks_.back().size() < packed.size()) {
    blocks_.emplace_back();
    blocks_.back().reserve(std::max(block_size, packed.size()));
  }
  const auto place = (static_cast<std::uint64_t>(blocks_.size() - 1) << block_bits) | blocks_.back().size();
  blocks_.back() += packed;
  return place;
}

const char* booked_orders::packed_at(std::uint64_t place) const {
  const auto at = place & ((std::uint64_t{1} << block_bits) - 1);
  return blocks_.at(static_cast<std::size_t>(place >> block_bits)).data() + at;
}

}  // namespace sb::paper
