#include "web/server/responder.hpp"

#include "web/server/refusal.hpp"

namespace sb::web {
namespace {

class calling_slot final : public response_slot {
 public:
  calling_slot(request_names names, std::function<void(http_response&&)> call)
      : names_{std::move(names)}, call_{std::move(call)} {}
  ~calling_slot() override {
    if (!settled()) call_(refusal_response(refusal::no_answer, names_));
  }

 private:
  void deliver(http_response&& response) override { call_(std::move(response)); }

  request_names names_;
  std::function<void(http_response&&)> call_;
};

}  // namespace

responder on_response(request_names names, std::function<void(http_response&&)> deliver) {
  return responder{std::make_shared<calling_slot>(std::move(names), std::move(deliver))};
}

}  // namespace sb::web
