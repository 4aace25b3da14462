#include "actors/trade/brokers/booked_orders.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "actors/trade/brokers/paper_record.hpp"

namespace sb::paper {
namespace {

constexpr std::size_t pointer_size = sizeof(std::uintptr_t);

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
    out_.append(reinterpret_cast<const char*>(&market), pointer_size);  // lives as long as the book
  }

 private:
  std::string& out_;
};

class unpacker {
 public:
  explicit unpacker(const std::string& from) : next_{from.data()} {}

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
    std::memcpy(&where, next_, pointer_size);
    next_ += pointer_size;
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

booked_order unpack(std::int64_t number, const std::string& bytes) {
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

}  // namespace

std::int64_t booked_orders::add(booked_order order) {
  if (count() >= count_max) throw std::length_error{"a paper book has no more numbers"};
  const std::int64_t number = count() + 1;
  const bool works = order.state == broker::book_state::working;
  places_.push_back(works ? 0 : closed_.keep(pack(number, order)));
  numbers_of_id_.add(order.id, static_cast<std::uint32_t>(number));
  numbers_of_account_[order.account].push_back(static_cast<std::uint32_t>(number));
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
  return unpack(number, closed_.at(places_.at(static_cast<std::size_t>(number) - 1)));
}

void booked_orders::close(std::int64_t number, broker::book_state how, std::optional<broker::rejected> why) {
  const auto found = working_.find(number);
  if (found == working_.end()) throw std::logic_error{"an order of the paper book is closed that does not work"};
  found->second.state = how;
  found->second.rejection = std::move(why);
  places_[static_cast<std::size_t>(number) - 1] = closed_.keep(pack(number, found->second));
  working_.erase(found);
}

std::vector<std::int64_t> booked_orders::with_id(const order_id& id) const {
  std::vector<std::int64_t> numbers;
  for (const std::int64_t number : numbers_of_id_.candidates(id)) {
    const auto* here = working(number);
    const auto place = places_[static_cast<std::size_t>(number) - 1];
    if (here != nullptr ? here->id == id : unpacker{closed_.at(place)}.text() == id) numbers.push_back(number);
  }
  std::ranges::sort(numbers);
  return numbers;
}

const std::vector<std::uint32_t>& booked_orders::of_account(account_id account) const {
  static const std::vector<std::uint32_t> none;
  const auto found = numbers_of_account_.find(account);
  return found == numbers_of_account_.end() ? none : found->second;
}

}  // namespace sb::paper
