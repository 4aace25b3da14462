#include "app/replay/instrument_file.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace sb::replay {

std::vector<instrument> read_priced_instruments(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  if (!file) throw std::runtime_error{path.string() + ": cannot be opened"};
  std::ostringstream text;
  text << file.rdbuf();
  const auto parsed = parse_instruments(text.str());
  if (!parsed.mistakes.empty()) {
    const auto& first = parsed.mistakes.front();
    throw std::runtime_error{path.string() + ':' + std::to_string(first.line) + ": " + first.text};
  }
  std::vector<instrument> priced;
  for (const auto& what : parsed.master.all()) {
    if (what.exchange == "NSE" && what.reference_price > money{}) priced.push_back(what);
  }
  if (priced.empty()) throw std::runtime_error{path.string() + ": no instrument of NSE has a reference price"};
  return priced;
}

}  // namespace sb::replay
