#pragma once

#include <memory>
#include <string>

namespace nsq {

// Signs certificates, as PEM files in a folder of its own, which goes with it.
class TestAuthority {
 public:
  struct Pair {
    std::string cert_file;
    std::string key_file;
  };
  struct Wish {
    std::string common_name = "localhost";
    std::string also_for = "DNS:localhost,IP:127.0.0.1";  // subject alternative names
    long valid_from_s = -3600;                            // } from now
    long valid_to_s = 3600;                               // }
  };

  TestAuthority();
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;
  ~TestAuthority();

  const std::string& folder() const { return folder_; }
  std::string ca_file() const { return folder_ + "/ca.pem"; }

  // Writes <name>.pem and <name>.key over what is there.
  Pair Issue(const std::string& name, const Wish& wish);
  Pair Issue(const std::string& name) { return Issue(name, Wish()); }

  // A file with this in it.
  std::string Write(const std::string& name, const std::string& text);

 private:
  struct Own;
  const std::string folder_;
  const std::unique_ptr<Own> own_;
  long serial_ = 1;
};

}  // namespace nsq
