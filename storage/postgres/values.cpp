#include "storage/postgres/values.hpp"

#include <limits>
#include <stdexcept>

namespace sb::postgres {
namespace {

template <class Unsigned>
void put_big_endian(std::string& out, Unsigned value) {
  char bytes[sizeof value];
  for (auto at = sizeof value; at-- > 0; value = static_cast<Unsigned>(value >> 8)) {
    bytes[at] = static_cast<char>(static_cast<unsigned char>(value & 0xff));
  }
  out.append(bytes, sizeof bytes);
}

template <class Unsigned>
Unsigned big_endian(std::string_view bytes) {
  if (bytes.size() != sizeof(Unsigned)) throw std::logic_error("a column's type is not what its reader expects");
  Unsigned value = 0;
  for (const char c : bytes) value = static_cast<Unsigned>((value << 8) | static_cast<unsigned char>(c));
  return value;
}

std::uint32_t length_of(std::string_view value) {
  if (value.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw std::length_error("a value of over 2 GB cannot be sent to PostgreSQL");
  }
  return static_cast<std::uint32_t>(value.size());
}

// Header of a binary array: dimensions, "has nulls", element type, and for the one dimension its size and lower bound.
constexpr std::size_t count_position = 12;

}  // namespace

array::array(std::uint32_t element_type, std::size_t bytes) {
  bytes_.reserve(20 + bytes);
  put_big_endian<std::uint32_t>(bytes_, 1);
  put_big_endian<std::uint32_t>(bytes_, 0);
  put_big_endian<std::uint32_t>(bytes_, element_type);
  put_big_endian<std::uint32_t>(bytes_, 0);
  put_big_endian<std::uint32_t>(bytes_, 1);
}

void array::put4(std::int32_t value) {
  put_big_endian<std::uint32_t>(bytes_, 4);
  put_big_endian(bytes_, static_cast<std::uint32_t>(value));
  ++count_;
}

void array::put8(std::int64_t value) {
  put_big_endian<std::uint32_t>(bytes_, 8);
  put_big_endian(bytes_, static_cast<std::uint64_t>(value));
  ++count_;
}

void array::put_bytes(std::string_view value) {
  put_big_endian(bytes_, length_of(value));
  bytes_ += value;
  ++count_;
}

void array::put_bool(bool value) {
  put_big_endian<std::uint32_t>(bytes_, 1);
  bytes_ += value ? '\1' : '\0';
  ++count_;
}

parameters& parameters::int4(std::int32_t value) {
  put_big_endian(values_.emplace_back().bytes, static_cast<std::uint32_t>(value));
  return *this;
}

parameters& parameters::int8(std::int64_t value) {
  put_big_endian(values_.emplace_back().bytes, static_cast<std::uint64_t>(value));
  return *this;
}

parameters& parameters::boolean(bool value) {
  values_.emplace_back().bytes += value ? '\1' : '\0';
  return *this;
}

parameters& parameters::text(std::string_view value) {
  length_of(value);
  values_.emplace_back().bytes = value;
  return *this;
}

parameters& parameters::null() {
  values_.emplace_back().is_null = true;
  return *this;
}

parameters& parameters::add(array&& values) {
  length_of(values.bytes_);
  std::string count;
  put_big_endian(count, static_cast<std::uint32_t>(values.count_));
  values.bytes_.replace(count_position, count.size(), count);
  values_.emplace_back().bytes = std::move(values.bytes_);
  return *this;
}

std::string_view result::bytes(int row, int column) const {
  return {PQgetvalue(answer_.get(), row, column), static_cast<std::size_t>(PQgetlength(answer_.get(), row, column))};
}

std::int32_t result::int4(int row, int column) const {
  return static_cast<std::int32_t>(big_endian<std::uint32_t>(bytes(row, column)));
}

std::int64_t result::int8(int row, int column) const {
  return static_cast<std::int64_t>(big_endian<std::uint64_t>(bytes(row, column)));
}

bool result::boolean(int row, int column) const {
  const auto value = bytes(row, column);
  if (value.size() != 1) throw std::logic_error("a column's type is not what its reader expects");
  return value[0] != '\0';
}

}  // namespace sb::postgres
