#include "app/replay/demo_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "app/replay/answer_fields.hpp"
#include "web/auth/random.hpp"
#include "web/json_writer.hpp"

namespace sb::replay {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, int error) {
  throw std::runtime_error{path.string() + ": " + std::generic_category().message(error)};
}

/// A file that is gone again unless it was renamed to its final name.
class new_file {
 public:
  explicit new_file(std::filesystem::path path) : path_{std::move(path)} {
    file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file_ < 0) fail(path_, errno);
  }
  ~new_file() {
    ::close(file_);
    if (!kept_) ::unlink(path_.c_str());
  }
  new_file(const new_file&) = delete;
  new_file& operator=(const new_file&) = delete;

  void write(std::string_view text) {
    while (!text.empty()) {
      const auto written = ::write(file_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail(path_, errno);
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(file_) != 0) fail(path_, errno);
  }
  void rename_to(const std::filesystem::path& final_path) {
    if (::rename(path_.c_str(), final_path.c_str()) != 0) fail(final_path, errno);
    kept_ = true;
  }

 private:
  std::filesystem::path path_;
  int file_ = -1;
  bool kept_ = false;
};

}  // namespace

const demo_user* demo_tenants::find(std::string_view role) const {
  const auto found =
      std::find_if(users.begin(), users.end(), [role](const demo_user& user) { return user.role == role; });
  return found == users.end() ? nullptr : &*found;
}

std::string format_demo(const demo_tenants& demo) {
  web::json_writer out;
  out.begin_object().member("base_url", demo.base_url);
  out.key("users").begin_array();
  for (const auto& user : demo.users) {
    out.begin_object().member("email", user.email).member("password", user.password).member("role", user.role);
    out.member("user_id", user.user).member("organization_id", user.organization).end_object();
  }
  out.end_array();
  out.key("accounts").begin_array();
  for (const auto& account : demo.accounts) {
    out.begin_object().member("trading_account_id", account.account).member("organization_id", account.organization);
    out.end_object();
  }
  out.end_array();
  out.key("symbols").begin_array();
  for (const auto& symbol : demo.symbols) out.string(symbol);
  out.end_array().end_object();
  return std::move(out).take() + '\n';
}

std::optional<demo_tenants> parse_demo(std::string_view json, std::string& why) {
  const auto document = parse_document(json);
  if (!document) {
    why = "not JSON";
    return std::nullopt;
  }
  demo_tenants demo;
  demo.base_url = text_member(*document, "base_url");
  const auto* users = document->find("users");
  const auto* accounts = document->find("accounts");
  if (users == nullptr || accounts == nullptr) {
    why = "users or accounts are missing";
    return std::nullopt;
  }
  for (const auto& item : users->children()) {
    const auto id = integer_member(item, "user_id");
    const auto organization = integer_member(item, "organization_id");
    demo_user user{text_member(item, "email"),
                   text_member(item, "password"),
                   text_member(item, "role"),
                   {id.value_or(0)},
                   {organization.value_or(0)}};
    if (user.email.empty() || user.password.empty() || user.role.empty() || !user.user || !user.organization) {
      why = "a user lacks email, password, role, user_id or organization_id";
      return std::nullopt;
    }
    demo.users.push_back(std::move(user));
  }
  for (const auto& item : accounts->children()) {
    const auto id = integer_member(item, "trading_account_id");
    const auto organization = integer_member(item, "organization_id");
    if (!id || !organization) {
      why = "an account lacks trading_account_id or organization_id";
      return std::nullopt;
    }
    demo.accounts.push_back({{*id}, {*organization}});
  }
  if (const auto* symbols = document->find("symbols"); symbols != nullptr) {
    for (const auto& item : symbols->children()) demo.symbols.push_back(item.text());
  }
  return demo;
}

demo_tenants read_demo_file(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  if (!file) throw std::runtime_error{path.string() + ": cannot be opened; is the demo created (./dev run)?"};
  std::ostringstream text;
  text << file.rdbuf();
  std::string why;
  auto demo = parse_demo(text.str(), why);
  if (!demo) throw std::runtime_error{path.string() + ": " + why};
  return std::move(*demo);
}

void write_demo_file(const std::filesystem::path& path, const demo_tenants& demo) {
  auto unfinished = path;
  unfinished += ".new-" + web::random_token(6);
  new_file file{unfinished};
  file.write(format_demo(demo));
  file.rename_to(path);
}

}  // namespace sb::replay
