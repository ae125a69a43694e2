#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "admin/cidr.h"
#include "admin/router.h"

namespace nsq {
class Config;
}

namespace nsq::admin {

// GET and PUT /config/:opt: the options by the names they have in the config file. Two can be
// changed, for as long as the process runs: the log level and the nsqlookupds.
//
// Home: any thread; it outlives the router it fills.
class ConfigApi {
 public:
  // Only peers of `allowed` are answered; without it everybody. `set_lookupds` is told new
  // addresses of nsqlookupds.
  ConfigApi(Config* config, std::optional<Cidr> allowed,
            std::function<void(std::vector<std::string>)> set_lookupds);

  void AddRoutes(Router* router);

 private:
  bool MayUse(const Request& request) const;
  Response Get(const Call& call) const;
  Response Put(const Call& call);

  Config* const config_;
  const std::optional<Cidr> allowed_;
  const std::function<void(std::vector<std::string>)> set_lookupds_;
};

}  // namespace nsq::admin
