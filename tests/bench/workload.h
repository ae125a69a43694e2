#pragma once

#include <cstdint>
#include <string_view>

#include "tests/bench/layers.h"

namespace nsq::bench {

enum class Mode { kPub, kMpub, kSub, kPubSub, kLatency, kHttp };

// What is sent, how, and who consumes it. The comments name the flags.
struct Workload {
  Mode mode = Mode::kPub;
  int64_t size_bytes = 200;        // --size, of a body
  int64_t messages = 0;            // --messages; 0: for `seconds`
  double seconds = 0;              // --seconds
  int64_t connections = 4;         // --connections that publish
  int64_t pipeline = 1;            // --pipeline: commands in flight on each
  int64_t batch = 1;               // --batch: messages in a command; 1 is PUB, more is MPUB
  int64_t rate = 0;                // --rate: messages a second by schedule; 0: as fast as answered
  int64_t topics = 1;              // --topics, round-robin
  int64_t channels = 0;            // --channels of each topic
  int64_t consumers = 0;           // --consumers of each channel
  int64_t rdy = 200;               // --rdy of each consumer
  int64_t output_buffer_size = 0;  // --output-buffer-size of consumers; 0: not negotiated
  int64_t output_buffer_timeout_ms = 0;  // --output-buffer-timeout; 0: not negotiated
  LayerChoice layers;                    // --tls, --snappy, --deflate, --deflate-level
  bool events = false;                   // bodies differ, as with layers
  double stall_seconds = 30;             // --stall-seconds without progress are a failure

  bool publishes() const { return mode != Mode::kSub; }
  bool consumes() const { return consumers > 0; }
};

// The mode's usual numbers.
Workload DefaultWorkload(Mode mode);
std::string_view ToString(Mode mode);

}  // namespace nsq::bench
