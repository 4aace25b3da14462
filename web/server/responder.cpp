#include "web/server/responder.hpp"

#include "web/server/refusal.hpp"

namespace sb::web {
namespace {

class calling_slot final : public response_slot {
 public:
  explicit calling_slot(std::function<void(http_response&&)> call) : call_{std::move(call)} {}
  ~calling_slot() override {
    if (!settled()) call_(refusal_response(refusal::no_answer));
  }

 private:
  void deliver(http_response&& response) override { call_(std::move(response)); }

  std::function<void(http_response&&)> call_;
};

}  // namespace

responder on_response(std::function<void(http_response&&)> deliver) {
  return responder{std::make_shared<calling_slot>(std::move(deliver))};
}

}  // namespace sb::web
