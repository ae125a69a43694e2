#pragma once

#include <string>
#include <vector>

#include "admin/cluster_view.h"
#include "common/status.h"

namespace nsq::admin {

// Changes a cluster: tells first the nsqlookupds, then the nodes concerned, in NSQ's order of
// steps; those of one step side by side, and one that hangs is told nothing more, so that it costs
// its time limit once.
//
// A daemon that refuses or fails stops nothing: its error is part of the warning, one line each. An
// error is returned only when it cannot be found out whom to tell; nothing has been changed then,
// but for creating, where the lookupds come first.
//
// Home: any thread; many calls at once. Each blocks.
class ClusterActions {
 public:
  // What may be done to a topic or channel that exists.
  enum class Verb { kPause, kUnpause, kEmpty };

  // `view` outlives the actions.
  explicit ClusterActions(ClusterView* view) : view_(view) {}

  using Warnings = std::vector<std::string>;

  // Lookupds learn of the topic and, unless empty, the channel; the channel is made on each node
  // that has the topic. Without lookupds both are made on every node.
  Result<Warnings> Create(const std::string& topic, const std::string& channel);

  // `channel` empty: the topic itself. kNotFound for a topic nobody knows.
  Result<Warnings> Apply(Verb verb, const std::string& topic, const std::string& channel);
  Result<Warnings> Delete(const std::string& topic, const std::string& channel);

  // Ours: `durability` is memory, os, fsync or default, of all the topic's nodes. A node of the
  // original refuses it.
  Result<Warnings> SetDurability(const std::string& topic, const std::string& durability);

  // Hides the topic on one node from lookups and deletes it there. kNotFound for a node that is not
  // of this cluster: nobody else is ever asked anything.
  Result<Warnings> Tombstone(const std::string& node, const std::string& topic);

 private:
  struct Change;  // one that is under way

  Result<std::vector<std::string>> ProducersOf(const std::string& topic, Change* change);
  void Tell(const std::vector<std::string>& addresses, const std::string& path_and_query,
            Change* change);
  Result<Warnings> TellProducers(const std::string& topic, const std::string& path_and_query);

  ClusterView* const view_;
};

}  // namespace nsq::admin
