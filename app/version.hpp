#pragma once

namespace sb {

inline constexpr const char* version_text = "0.1.0";

}  // namespace sb
