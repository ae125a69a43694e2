#pragma once

#include "admin/json_writer.h"
#include "admin/stats.h"

// The objects of nsqadmin's API, key for key (../README.md, "API"). Each writes one JSON object;
// the `Members` forms write its members only, for answers that add `message` to them.
namespace nsq::admin {

void EncodeTopicMembers(const TopicStats& topic, JsonWriter* out);
void EncodeTopic(const TopicStats& topic, JsonWriter* out);
void EncodeChannelMembers(const ChannelStats& channel, JsonWriter* out);
void EncodeChannel(const ChannelStats& channel, JsonWriter* out);
void EncodeNode(const Node& node, JsonWriter* out);

}  // namespace nsq::admin
