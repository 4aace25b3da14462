#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/settings.hpp"

namespace sb {

/// One node: everything wired together. Tests build the same object as main.
class control_plane {
 public:
  /// Checks what settings alone cannot know (instrument file, feed file, key file, data directory). Throws
  /// std::runtime_error with one line for people.
  explicit control_plane(const settings& chosen);
  ~control_plane();  ///< stops
  control_plane(const control_plane&) = delete;
  control_plane& operator=(const control_plane&) = delete;

  /// Takes the data directory's lock and brings the database to this binary's schema, which may take minutes where a
  /// table is full. A process that is killed meanwhile leaves nothing behind: its change of the schema is taken back.
  /// Throws std::runtime_error.
  void prepare();
  /// After prepare(): starts the tree and the listeners. Throws std::runtime_error.
  void start();
  /// Ports of gateway, user API, trade API, metrics; after start().
  std::vector<std::uint16_t> ports() const;
  /// Blocks until stop is asked for (true) or the root supervisor has given up (false).
  bool wait(const std::function<bool()>& stop_asked);
  /// No new requests; those in flight are answered; appends are stored; shards are released. Bounded by `patience`.
  void stop(std::chrono::milliseconds patience);

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace sb
