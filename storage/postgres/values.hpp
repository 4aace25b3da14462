#pragma once
#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sb::postgres {

/// A one-dimensional array in PostgreSQL's binary form, built element by element.
class array {
 public:
  /// `count` is only a hint for the memory to reserve.
  static array of_int4(std::size_t count) { return array{23, count * 8}; }
  static array of_int8(std::size_t count) { return array{20, count * 12}; }
  static array of_text(std::size_t count) { return array{25, count * 36}; }
  static array of_bytea(std::size_t count) { return array{17, count * 36}; }
  static array of_bool(std::size_t count) { return array{16, count * 5}; }

  /// The element's width must be that of the array's type.
  void put4(std::int32_t value);
  void put8(std::int64_t value);
  void put_bytes(std::string_view value);
  void put_bool(bool value);

 private:
  friend class parameters;
  array(std::uint32_t element_type, std::size_t bytes);
  std::string bytes_;
  std::int32_t count_ = 0;
};

/// The values of $1, $2, ... in binary form. The SQL text fixes the types by casts ($1::bigint).
class parameters {
 public:
  parameters& int4(std::int32_t value);
  parameters& int8(std::int64_t value);
  parameters& boolean(bool value);
  parameters& text(std::string_view value);  ///< also bytea
  parameters& null();
  parameters& add(array&& values);

 private:
  friend class connection;
  struct slot {
    std::string bytes;
    bool is_null = false;
  };
  std::vector<slot> values_;
};

/// An answer's rows, read in binary form. A column of another width than asked for throws std::logic_error: the SQL and
/// its reader disagree. Views stay valid as long as the result.
class result {
 public:
  explicit result(PGresult* answer) : answer_{answer} {}
  int rows() const { return PQntuples(answer_.get()); }
  bool is_null(int row, int column) const { return PQgetisnull(answer_.get(), row, column) == 1; }
  std::int32_t int4(int row, int column) const;
  std::int64_t int8(int row, int column) const;
  bool boolean(int row, int column) const;
  std::string_view bytes(int row, int column) const;
  std::string text(int row, int column) const { return std::string{bytes(row, column)}; }

 private:
  struct clear {
    void operator()(PGresult* answer) const noexcept { PQclear(answer); }
  };
  std::unique_ptr<PGresult, clear> answer_;
};

}  // namespace sb::postgres
