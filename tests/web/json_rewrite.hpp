#pragma once
#include "web/json.hpp"
#include "web/json_writer.hpp"

namespace sb::web {

/// A parsed document as text again, numbers as they were written.
inline void write_again(json_writer& out, const json_value& value) {
  switch (value.kind()) {
    case json_kind::null:
      out.null();
      return;
    case json_kind::boolean:
      out.boolean(value.boolean());
      return;
    case json_kind::number:
      out.raw(value.text());
      return;
    case json_kind::string:
      out.string(value.text());
      return;
    case json_kind::array:
      out.begin_array();
      for (const auto& item : value.children()) write_again(out, item);
      out.end_array();
      return;
    case json_kind::object:
      out.begin_object();
      for (const auto& member : value.children()) write_again(out.key(member.name()), member);
      out.end_object();
      return;
  }
}

}  // namespace sb::web
