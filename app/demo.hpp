#pragma once
#include <filesystem>
#include <string>

namespace sb {

struct demo_options {
  std::string base_url = "http://127.0.0.1:8000";        ///< of the running node's gateway; a trailing slash is dropped
  std::filesystem::path data_dir = "var";                ///< demo.json is there, or will be
  std::filesystem::path key_file = "var/token-key.pem";  ///< the node's signing key: who can read it may create tenants
  std::string issuer = "stocksblitz";
  std::string audience = "stocksblitz";
  std::filesystem::path instruments_file = "config/instruments.csv";
};

/// Makes sure that the node has the demo's tenants and tells a person how to begin. Where data_dir/demo.json is absent
/// it creates, through REST and as a platform_admin of its own making, two organizations with users, trading accounts,
/// permissions and limits, and writes the file as the last step; an interrupted creation is begun anew under other
/// e-mail addresses. Then it prints to stdout the addresses, where the passwords are, and a curl that places an order
/// (with a token of the first trader in it). 0: done. 1: not, with the reason on stderr.
int run_demo(const demo_options& options);

}  // namespace sb
