#include "token_forge.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/obj_mac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>
#include <stdexcept>
#include <vector>

#include "web/auth/base64url.hpp"
#include "web/json_writer.hpp"

namespace sb::web::test {
namespace {
const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
}  // namespace

rsa_key::rsa_key(unsigned bits) : key_(EVP_RSA_gen(bits), EVP_PKEY_free) {
  if (!key_) throw std::runtime_error("cannot make an RSA key");
}

std::string rsa_key::sign(std::string_view text) const {
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  std::string signature(1'024, '\0');
  std::size_t length = signature.size();
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length, bytes_of(text),
                     text.size()) != 1) {
    throw std::runtime_error("cannot sign");
  }
  signature.resize(length);
  return signature;
}

std::string rsa_key::n() const {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key_.get(), OSSL_PKEY_PARAM_RSA_N, &number) != 1) throw std::runtime_error("no modulus");
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  BN_free(number);
  return base64url_encode(bytes);
}

std::string rsa_key::public_jwk(std::string_view kid) const {
  json_writer out;
  out.begin_object().member("kty", "RSA").member("n", n()).member("e", "AQAB");
  out.member("kid", kid).member("alg", "RS256").member("use", "sig").end_object();
  return std::move(out).take();
}

std::string rsa_key::public_pem() const {
  const std::unique_ptr<BIO, int (*)(BIO*)> sink{BIO_new(BIO_s_mem()), BIO_free};
  PEM_write_bio_PUBKEY(sink.get(), key_.get());
  char* text = nullptr;
  const long length = BIO_get_mem_data(sink.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

std::string hmac_sha256(std::string_view secret, std::string_view text) {
  std::array<unsigned char, 32> out{};
  unsigned length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes_of(text), text.size(), out.data(), &length);
  return {reinterpret_cast<const char*>(out.data()), length};
}

std::string unsigned_token(std::string_view header, std::string_view payload) {
  return base64url_encode(header) + "." + base64url_encode(payload);
}

std::string es256_token(const signing_key& key, std::string_view header, std::string_view payload) {
  const auto text = unsigned_token(header, payload);
  return text + "." + base64url_encode(key.sign(text));
}

std::string respelled_signature(std::string_view raw) {
  const std::unique_ptr<EC_GROUP, void (*)(EC_GROUP*)> group{EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1),
                                                             EC_GROUP_free};
  const std::unique_ptr<BIGNUM, void (*)(BIGNUM*)> s{BN_bin2bn(bytes_of(raw.substr(32)), 32, nullptr), BN_free};
  BN_sub(s.get(), EC_GROUP_get0_order(group.get()), s.get());
  std::string other{raw.substr(0, 32)};
  other.resize(64);
  BN_bn2binpad(s.get(), reinterpret_cast<unsigned char*>(other.data()) + 32, 32);
  return other;
}

}  // namespace sb::web::test
