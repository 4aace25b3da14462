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

// ---- packing: numbers and pointers as they lie in memory (it is read by the process that wrote it), texts after their
// length
class packer {
 public:
  void put(std::int64_t value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void put(const symbol_market* market) { bytes_.append(reinterpret_cast<const char*>(&market), pointer_size); }
  void put(std::string_view text) {
    put(std::ssize(text));
    bytes_ += text;
  }
  template <class Enum>
  void put_word(Enum value) {
    bytes_ += static_cast<char>(value);
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class unpacker {
 public:
  explicit unpacker(const std::string& from) : next_{from.data()} {}

  std::int64_t number() {
    std::int64_t value = 0;
    read(&value, sizeof value);
    return value;
  }
  symbol_market* market() {
    symbol_market* where = nullptr;
    read(&where, pointer_size);
    return where;
  }
  std::string_view text() {
    const auto size = static_cast<std::size_t>(number());
    return {std::exchange(next_, next_ + size), size};
  }
  template <class Enum>
  Enum word() {
    return static_cast<Enum>(*next_++);
  }

 private:
  void read(void* to, std::size_t size) { std::memcpy(to, std::exchange(next_, next_ + size), size); }

  const char* next_;
};

/// The id stands first, so that it can be compared without unpacking the rest.
std::string pack(const booked_order& order) {
  packer out;
  out.put(order.id);
  out.put(order.organization.value);
  out.put(order.account.value);
  out.put(order.market);
  out.put(order.quantity);
  out.put(order.filled);
  out.put(order.price.ticks);
  out.put(order.placed_at.value);
  out.put_word(order.direction);
  out.put_word(order.type);
  out.put_word(order.product);
  out.put_word(order.valid);
  out.put_word(order.state);
  out.put(std::ssize(order.fills));
  for (const auto& fill : order.fills) {
    out.put(fill.fill_id);
    out.put(fill.quantity);
    out.put(fill.price.ticks);
    out.put(fill.at.value);
  }
  out.put_word(order.rejection.has_value());
  if (order.rejection) {
    out.put(order.rejection->code);
    out.put(order.rejection->message);
  }
  return out.take();
}

booked_order unpack(const std::string& bytes) {
  unpacker in{bytes};
  booked_order order;
  order.id = in.text();
  order.organization = {in.number()};
  order.account = {in.number()};
  order.market = in.market();
  order.quantity = in.number();
  order.filled = in.number();
  order.price = {in.number()};
  order.placed_at = {in.number()};
  order.direction = in.word<side>();
  order.type = in.word<order_type>();
  order.product = in.word<product_type>();
  order.valid = in.word<validity>();
  order.state = in.word<broker::book_state>();
  order.fills.resize(static_cast<std::size_t>(in.number()));
  for (auto& fill : order.fills) {
    fill.fill_id = in.text();
    fill.quantity = in.number();
    fill.price = {in.number()};
    fill.at = {in.number()};
  }
  if (in.word<bool>()) {
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
  places_.push_back(works ? 0 : closed_.keep(pack(order)));
  const entry added{order.account, checksum_of(order.id), static_cast<std::uint32_t>(number)};
  if (indexed_) {
    numbers_of_id_.emplace(added.checksum, added.number);
    numbers_of_account_[added.account].push_back(added.number);
  } else {
    not_indexed_.push_back(added);
  }
  if (works) working_.emplace_hint(working_.end(), number, std::move(order));
  return number;
}

void booked_orders::build_indexes() {
  if (indexed_) throw std::logic_error{"the indexes of the paper book are there already"};
  auto entries = std::exchange(not_indexed_, {});  // freed when they are entered
  std::ranges::sort(entries, {}, &entry::checksum);
  for (const auto& one : entries) numbers_of_id_.emplace_hint(numbers_of_id_.end(), one.checksum, one.number);
  std::ranges::sort(entries, {}, [](const entry& one) { return std::pair{one.account, one.number}; });
  for (const auto& one : entries) numbers_of_account_[one.account].push_back(one.number);
  indexed_ = true;
}

void booked_orders::require_indexes() const {
  if (!indexed_) throw std::logic_error{"orders of the paper book are looked for before it has been read"};
}

booked_order* booked_orders::working(std::int64_t number) {
  const auto found = working_.find(number);
  return found == working_.end() ? nullptr : &found->second;
}

const booked_order* booked_orders::working(std::int64_t number) const {
  const auto found = working_.find(number);
  return found == working_.end() ? nullptr : &found->second;
}

booked_order booked_orders::closed(std::int64_t number) const {
  return unpack(closed_.at(places_.at(static_cast<std::size_t>(number) - 1)));
}

void booked_orders::close(std::int64_t number, broker::book_state how, std::optional<broker::rejected> why) {
  const auto found = working_.find(number);
  if (found == working_.end()) throw std::logic_error{"an order of the paper book is closed that does not work"};
  found->second.state = how;
  found->second.rejection = std::move(why);
  places_[static_cast<std::size_t>(number) - 1] = closed_.keep(pack(found->second));
  working_.erase(found);
}

std::vector<std::int64_t> booked_orders::with_id(const order_id& id) const {
  require_indexes();
  std::vector<std::int64_t> numbers;
  const auto [first, last] = numbers_of_id_.equal_range(checksum_of(id));
  for (auto each = first; each != last; ++each) {
    const auto number = each->second;
    const auto* here = working(number);
    if (here != nullptr ? here->id == id : unpacker{closed_.at(places_[number - 1])}.text() == id)
      numbers.push_back(number);
  }
  std::ranges::sort(numbers);
  return numbers;
}

const std::vector<std::uint32_t>& booked_orders::of_account(account_id account) const {
  require_indexes();
  static const std::vector<std::uint32_t> none;
  const auto found = numbers_of_account_.find(account);
  return found == numbers_of_account_.end() ? none : found->second;
}

}  // namespace sb::paper
