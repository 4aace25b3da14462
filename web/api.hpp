#pragma once
#include <functional>
#include <memory>
#include <string_view>

#include "domain/ids.hpp"
#include "domain/instruments/instrument.hpp"
#include "metrics/metrics.hpp"
#include "web/api_settings.hpp"
#include "web/auth/signing_key.hpp"
#include "web/auth/token_issuer.hpp"
#include "web/backend.hpp"
#include "web/server/http.hpp"
#include "web/server/responder.hpp"

namespace sb::web {

/// The REST API: from a request to its route, through authentication, roles and field tables to the route's handler,
/// and from the handler's outcome to the response. Everything on the io thread; nothing blocks. The ports and
/// `counters` must outlive it. Its listeners, by number: 0 gateway, 1 user API, 2 trade API, 3 operations.
class api {
 public:
  /// `key` signs the tokens of `issuer`; its public half verifies them and is what JWKS publishes. Throws
  /// std::logic_error when the route table is not complete.
  api(api_settings settings, entity_port& entities, database_port& database, token_issuer issuer,
      const signing_key& key, std::shared_ptr<const instrument_master> instruments, metrics& counters,
      std::function<wall_ms()> clock);
  ~api();
  api(const api&) = delete;
  api& operator=(const api&) = delete;

  void handle(http_request&& request, responder answer);
  /// The session was ended, here or by another node: no token of it is accepted any more.
  void session_ended(std::string_view session, wall_ms token_expires);

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace sb::web
