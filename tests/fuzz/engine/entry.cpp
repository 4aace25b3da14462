#include <cstddef>
#include <cstdint>

#include "tests/fuzz/targets.hpp"

// What a target throws ends the process here, and the engine keeps the input. SB_FUZZ_TARGET is the build's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sb::fuzz::SB_FUZZ_TARGET({data, size});
  return 0;
}
