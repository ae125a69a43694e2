#include "admin/cluster_actions.h"

#include <utility>

#include "common/http/client.h"
#include "common/strings.h"

namespace nsq::admin {
namespace {

std::string Query(const std::string& topic, const std::string& channel) {
  std::string query = "?topic=" + http::EscapeQuery(topic);
  if (!channel.empty()) query += "&channel=" + http::EscapeQuery(channel);
  return query;
}

std::string_view Kind(const std::string& channel) {
  return channel.empty() ? "/topic" : "/channel";
}

std::vector<std::string> AddressesOf(const std::vector<Node>& nodes) {
  std::vector<std::string> addresses;
  for (const Node& node : nodes) addresses.push_back(node.HttpAddress());
  return addresses;
}

// All errors of an action are one warning, whichever step they are of.
ClusterActions::Warnings OneWarning(const std::vector<std::string>& errors) {
  std::string lines;
  for (const std::string& error : errors) lines += (lines.empty() ? "" : "\n") + error;
  return lines.empty() ? ClusterActions::Warnings() : ClusterActions::Warnings{lines};
}

}  // namespace

void ClusterActions::Tell(const std::vector<std::string>& addresses,
                          const std::string& path_and_query, std::vector<std::string>* errors) {
  const std::vector<std::string> more = view_->Tell(addresses, path_and_query);
  errors->insert(errors->end(), more.begin(), more.end());
}

Result<ClusterActions::Warnings> ClusterActions::Create(const std::string& topic,
                                                        const std::string& channel) {
  std::vector<std::string> errors;
  const std::string create_topic = "/topic/create" + Query(topic, "");
  const std::string create_channel = "/channel/create" + Query(topic, channel);
  const ClusterView::Addresses addresses = view_->addresses();
  if (addresses.lookupds.empty()) {
    Tell(addresses.nsqds, create_topic, &errors);
    if (!channel.empty()) Tell(addresses.nsqds, create_channel, &errors);
    return OneWarning(errors);
  }
  Tell(addresses.lookupds, create_topic, &errors);
  if (!channel.empty()) {
    Tell(addresses.lookupds, create_channel, &errors);
    auto producers = view_->ProducersOf(topic);
    if (!producers.ok()) return producers.status();
    errors.insert(errors.end(), producers->warnings.begin(), producers->warnings.end());
    Tell(AddressesOf(producers->value), create_channel, &errors);
  }
  return OneWarning(errors);
}

Result<ClusterActions::Warnings> ClusterActions::Apply(Verb verb, const std::string& topic,
                                                       const std::string& channel) {
  auto producers = view_->ProducersOf(topic);
  if (!producers.ok()) return producers.status();
  const std::string_view word = verb == Verb::kPause     ? "/pause"
                                : verb == Verb::kUnpause ? "/unpause"
                                                         : "/empty";
  std::vector<std::string> errors = producers->warnings;
  Tell(AddressesOf(producers->value), StrCat(Kind(channel), word, Query(topic, channel)), &errors);
  return OneWarning(errors);
}

Result<ClusterActions::Warnings> ClusterActions::Delete(const std::string& topic,
                                                        const std::string& channel) {
  // Asked first: afterwards no lookupd knows who has it.
  auto producers = view_->ProducersOf(topic);
  if (!producers.ok()) return producers.status();
  std::vector<std::string> errors = producers->warnings;
  const std::string path = StrCat(Kind(channel), "/delete", Query(topic, channel));
  Tell(view_->addresses().lookupds, path, &errors);
  Tell(AddressesOf(producers->value), path, &errors);
  return OneWarning(errors);
}

Result<ClusterActions::Warnings> ClusterActions::Tombstone(const std::string& node,
                                                           const std::string& topic) {
  auto nodes = view_->Nodes();
  if (!nodes.ok()) return nodes.status();
  bool known = false;
  for (const Node& one : nodes->value) known = known || one.HttpAddress() == node;
  if (!known) return Status(Code::kNotFound, "NODE_NOT_FOUND");
  std::vector<std::string> errors = nodes->warnings;
  const std::string query = Query(topic, "");
  Tell(view_->addresses().lookupds,
       StrCat("/topic/tombstone", query, "&node=", http::EscapeQuery(node)), &errors);
  Tell({node}, "/topic/delete" + query, &errors);
  return OneWarning(errors);
}

}  // namespace nsq::admin
