#include "tests/common/filters/test_certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace nsq {
namespace {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using File = std::unique_ptr<FILE, Freer<std::fclose>>;

std::string MakeFolder() {
  std::string path = std::filesystem::temp_directory_path() / "nsq_certificates.XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) std::abort();
  return path;
}

void Name(X509* certificate, const std::string& name) {
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
}

void Extend(X509* certificate, int what, const std::string& value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate Blank(EVP_PKEY* key, long serial, long from_s, long to_s) {
  Certificate made(X509_new());
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), from_s);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), to_s);
  X509_set_pubkey(made.get(), key);
  return made;
}

void WriteCertificate(const std::string& path, X509* certificate) {
  const File file(std::fopen(path.c_str(), "w"));
  PEM_write_X509(file.get(), certificate);
}

}  // namespace

struct TestAuthority::Own {
  Key key{EVP_EC_gen("P-256")};
  Certificate certificate;
};

TestAuthority::TestAuthority() : folder_(MakeFolder()), own_(std::make_unique<Own>()) {
  own_->certificate = Blank(own_->key.get(), serial_++, -86400, 86400);
  X509* const certificate = own_->certificate.get();
  Name(certificate, "test authority " + folder_);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  Extend(certificate, NID_basic_constraints, "critical,CA:TRUE");
  X509_sign(certificate, own_->key.get(), EVP_sha256());
  WriteCertificate(ca_file(), certificate);
}

TestAuthority::~TestAuthority() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

TestAuthority::Pair TestAuthority::Issue(const std::string& name, const Wish& wish) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate = Blank(key.get(), serial_++, wish.valid_from_s, wish.valid_to_s);
  Name(certificate.get(), wish.common_name);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(own_->certificate.get()));
  Extend(certificate.get(), NID_subject_alt_name, wish.also_for);
  X509_sign(certificate.get(), own_->key.get(), EVP_sha256());

  const Pair pair{folder_ + "/" + name + ".pem", folder_ + "/" + name + ".key"};
  WriteCertificate(pair.cert_file, certificate.get());
  const File file(std::fopen(pair.key_file.c_str(), "w"));
  PEM_write_PrivateKey(file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return pair;
}

std::string TestAuthority::Write(const std::string& name, const std::string& text) {
  const std::string path = folder_ + "/" + name;
  const File file(std::fopen(path.c_str(), "w"));
  std::fwrite(text.data(), 1, text.size(), file.get());
  return path;
}

}  // namespace nsq
