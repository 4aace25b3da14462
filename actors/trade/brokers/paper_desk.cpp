#include "actors/trade/brokers/paper_desk.hpp"

#include <utility>

namespace sb {
namespace {

paper_settings beside(const std::filesystem::path& book, paper_settings settings) {
  settings.closed.directory = std::filesystem::absolute(book).parent_path();
  return settings;
}

}  // namespace

paper_desk::paper_desk(std::filesystem::path book, std::shared_ptr<const instrument_master> instruments,
                       const paper_settings& settings)
    : broker_{std::move(instruments), beside(book, settings)},
      book_{std::move(book), [this](const paper::record& fact) { return broker_.restore(fact); }} {
  broker_.open();
}

std::vector<paper_output> paper_desk::run(std::span<const paper_input> batch, broker::moment now) {
  paper_effects effects;
  broker_.advance(now, effects);
  for (const paper_input& input : batch) broker_.handle(input, now, effects);
  book_.append(effects.facts);
  return std::move(effects.outputs);
}

}  // namespace sb
