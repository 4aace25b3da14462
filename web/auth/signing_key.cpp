#include "web/auth/signing_key.hpp"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "web/auth/base64url.hpp"
#include "web/auth/digest.hpp"
#include "web/auth/random.hpp"
#include "web/json_writer.hpp"

namespace sb::web {
namespace {

constexpr int coordinate_bytes = 32;
constexpr std::size_t pem_bytes_max = 16 * 1024;

template <class T, void (*Free)(T*)>
struct freed_by {
  void operator()(T* object) const { Free(object); }
};
void free_bio(BIO* bio) { BIO_free_all(bio); }
using bio_ptr = std::unique_ptr<BIO, freed_by<BIO, free_bio>>;
using bignum_ptr = std::unique_ptr<BIGNUM, freed_by<BIGNUM, BN_clear_free>>;
using digest_ptr = std::unique_ptr<EVP_MD_CTX, freed_by<EVP_MD_CTX, EVP_MD_CTX_free>>;
using signature_ptr = std::unique_ptr<ECDSA_SIG, freed_by<ECDSA_SIG, ECDSA_SIG_free>>;

class file_descriptor {
 public:
  explicit file_descriptor(int fd) : fd_(fd) {}
  ~file_descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  file_descriptor(const file_descriptor&) = delete;
  file_descriptor& operator=(const file_descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

/// Removes the name when it goes out of scope.
class temporary_file {
 public:
  explicit temporary_file(std::filesystem::path path) : path_(std::move(path)) {}
  ~temporary_file() { unlink(path_.c_str()); }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

[[noreturn]] void fail(const std::filesystem::path& file, std::string_view what) {
  throw std::runtime_error("signing key " + file.string() + ": " + std::string{what});
}
[[noreturn]] void fail_errno(const std::filesystem::path& file, std::string_view what) {
  const std::error_code why{errno, std::generic_category()};
  fail(file, std::string{what} + ": " + why.message());
}

/// Text that is overwritten before its memory is given back.
class secret_text {
 public:
  explicit secret_text(std::string text) : text_(std::move(text)) {}
  ~secret_text() { OPENSSL_cleanse(text_.data(), text_.size()); }
  secret_text(const secret_text&) = delete;
  secret_text& operator=(const secret_text&) = delete;
  std::string& text() { return text_; }

 private:
  std::string text_;
};

std::string coordinate(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) throw std::runtime_error("signing key: no public point");
  const bignum_ptr owned{number};
  std::array<unsigned char, coordinate_bytes> bytes{};
  if (BN_bn2binpad(number, bytes.data(), coordinate_bytes) != coordinate_bytes) {
    throw std::runtime_error("signing key: not a P-256 point");
  }
  return base64url_encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void write_all(int fd, std::string_view bytes, const std::filesystem::path& file) {
  while (!bytes.empty()) {
    const auto written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail_errno(file, "cannot write");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// Makes a new directory entry survive a power cut.
void sync_folder_of(const std::filesystem::path& file) {
  const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path{"."};
  const file_descriptor fd{open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (fd.get() < 0 || fsync(fd.get()) != 0) fail_errno(folder, "cannot sync");
}

}  // namespace

signing_key::signing_key(evp_pkey_st* key) : key_(key, EVP_PKEY_free) {
  std::array<char, 32> group{};
  std::size_t length = 0;
  if (EVP_PKEY_is_a(key, "EC") != 1 || EVP_PKEY_get_group_name(key, group.data(), group.size(), &length) != 1 ||
      std::string_view(group.data(), length) != SN_X9_62_prime256v1) {
    throw std::runtime_error("signing key: not a P-256 key");
  }
  x_ = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X);
  y_ = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y);
  // RFC 7638: the required members in lexical order, without blanks.
  json_writer members;
  members.begin_object().member("crv", "P-256").member("kty", "EC");
  members.member("x", std::string_view{x_}).member("y", std::string_view{y_}).end_object();
  const auto digest = sha256(members.text());
  kid_ = base64url_encode({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

signing_key signing_key::generate() {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  if (key == nullptr) throw std::runtime_error("signing key: cannot generate one");
  return signing_key{key};
}

signing_key signing_key::load(const std::filesystem::path& file) {
  const file_descriptor fd{open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
  if (fd.get() < 0) fail_errno(file, "cannot open");
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) fail_errno(file, "cannot look at");
  if (!S_ISREG(status.st_mode)) fail(file, "not a regular file");
  if ((status.st_mode & 0077U) != 0) fail(file, "others may read or write it; its mode must be 0600");
  if (status.st_uid != geteuid()) fail(file, "belongs to another user");
  if (status.st_size <= 0 || static_cast<std::size_t>(status.st_size) > pem_bytes_max) fail(file, "not a key file");
  secret_text pem{std::string(static_cast<std::size_t>(status.st_size), '\0')};
  std::size_t have = 0;
  while (have < pem.text().size()) {
    const auto got = read(fd.get(), pem.text().data() + have, pem.text().size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail_errno(file, "cannot read");
    have += static_cast<std::size_t>(got);
  }
  const bio_ptr source{BIO_new_mem_buf(pem.text().data(), static_cast<int>(pem.text().size()))};
  // An encrypted key would make OpenSSL ask on the terminal; with this callback it fails instead.
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  EVP_PKEY* const key = PEM_read_bio_PrivateKey(source.get(), nullptr, no_passphrase, nullptr);
  if (key == nullptr) fail(file, "not an unencrypted private key in PEM");
  return signing_key{key};
}

void signing_key::save(const std::filesystem::path& file) const {
  const bio_ptr sink{BIO_new(BIO_s_secmem())};
  if (!sink || PEM_write_bio_PKCS8PrivateKey(sink.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    fail(file, "cannot encode");
  }
  char* text = nullptr;
  const long length = BIO_get_mem_data(sink.get(), &text);
  if (length <= 0) fail(file, "cannot encode");

  // Written beside its place and linked into it: no reader ever sees half a key, and a key that exists is never
  // replaced, because link() refuses where rename() would not.
  const temporary_file beside{file.string() + "." + random_token(9)};
  const file_descriptor fd{open(beside.path().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (fd.get() < 0) fail_errno(file, "cannot create");
  write_all(fd.get(), {text, static_cast<std::size_t>(length)}, file);
  if (fsync(fd.get()) != 0) fail_errno(file, "cannot sync");
  if (link(beside.path().c_str(), file.c_str()) != 0) fail_errno(file, "cannot create");
  sync_folder_of(file);
}

signing_key signing_key::load_or_create(const std::filesystem::path& file) {
  if (!std::filesystem::exists(std::filesystem::symlink_status(file))) {
    auto fresh = generate();
    try {
      fresh.save(file);
      return fresh;
    } catch (const std::runtime_error&) {
      // Another process may have been first; if not, load() says what is wrong.
      if (!std::filesystem::exists(std::filesystem::symlink_status(file))) throw;
    }
  }
  return load(file);
}

std::string signing_key::sign(std::string_view text) const {
  const digest_ptr context{EVP_MD_CTX_new()};
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::array<unsigned char, 80> der{};  // 72 at most for P-256
  std::size_t length = der.size();
  if (!context || EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), der.data(), &length, bytes, text.size()) != 1) {
    throw std::runtime_error("signing key: cannot sign");
  }
  const unsigned char* at = der.data();
  const signature_ptr signature{d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(length))};
  std::string raw(2 * coordinate_bytes, '\0');
  auto* const into = reinterpret_cast<unsigned char*>(raw.data());
  if (!signature || BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), into, coordinate_bytes) != coordinate_bytes ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), into + coordinate_bytes, coordinate_bytes) != coordinate_bytes) {
    throw std::runtime_error("signing key: cannot sign");
  }
  return raw;
}

std::string signing_key::public_jwk() const {
  json_writer out;
  out.begin_object().member("kty", "EC").member("crv", "P-256");
  out.member("x", std::string_view{x_}).member("y", std::string_view{y_});
  out.member("kid", std::string_view{kid_}).member("alg", "ES256").member("use", "sig").end_object();
  return std::move(out).take();
}

}  // namespace sb::web
