// Prints the saga's steps, one a line: what the matrix of ./dev chaos has to reach.
#include <iostream>

#include "actors/protocol/pause_points.hpp"

int main() {
  for (const auto& step : sb::pause::saga_steps()) std::cout << step << '\n';
  return std::cout.flush() ? 0 : 1;
}
