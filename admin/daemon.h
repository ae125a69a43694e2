#pragma once

#include <memory>
#include <string>

#include "admin/flags.h"
#include "common/status.h"

namespace nsq {
class Config;
}

namespace nsq::admin {

// nsqadmin as a whole: wires the parts and serves until it is destroyed.
//
// Home: the thread that made it.
class Daemon {
 public:
  // The detail of an error is what stands behind "failed to instantiate nsqadmin - ".
  // `config`, which outlives it, is what /config shows.
  static Result<std::unique_ptr<Daemon>> Start(Config* config, const Options& options);
  ~Daemon();

  const std::string& address() const;

 private:
  struct Parts;
  explicit Daemon(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
};

}  // namespace nsq::admin
