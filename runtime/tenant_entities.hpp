#pragma once
#include "domain/tenants/tenants.hpp"
#include "runtime/entity.hpp"

namespace sb {

/// Users, organizations and trading accounts: created once, read often.
class user_entity final : public entity {
 public:
  explicit user_entity(entity_key key) : key_{std::move(key)} {}
  bool replay(const event_record& event, wall_ms at, std::string& why) override;
  bool restore(const stored_snapshot& snapshot, std::string& why) override;
  void recovered(turn&, predecessor) override {}
  void handle(const delivery& in, turn& now) override;
  void committed(const clock_reading&, outputs&) override {}
  bool busy() const override { return false; }

 private:
  entity_key key_;
  user_state state_;
};

class organization_entity final : public entity {
 public:
  explicit organization_entity(entity_key key) : key_{std::move(key)} {}
  bool replay(const event_record& event, wall_ms at, std::string& why) override;
  bool restore(const stored_snapshot& snapshot, std::string& why) override;
  void recovered(turn&, predecessor) override {}
  void handle(const delivery& in, turn& now) override;
  void committed(const clock_reading&, outputs&) override {}
  bool busy() const override { return false; }

 private:
  entity_key key_;
  organization_state state_;
};

class account_entity final : public entity {
 public:
  explicit account_entity(entity_key key) : key_{std::move(key)} {}
  bool replay(const event_record& event, wall_ms at, std::string& why) override;
  bool restore(const stored_snapshot& snapshot, std::string& why) override;
  void recovered(turn&, predecessor) override {}
  void handle(const delivery& in, turn& now) override;
  void committed(const clock_reading&, outputs&) override {}
  bool busy() const override { return false; }

 private:
  entity_key key_;
  account_state state_;
};

}  // namespace sb
