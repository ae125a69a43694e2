#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/event/buffer.h"
#include "common/event/stream_filter.h"
#include "common/status.h"
#include "tests/bench/read_buffer.h"

namespace nsq::bench {

// Which layers a run's connections negotiate.
struct LayerChoice {
  bool tls = false;           // --tls
  bool snappy = false;        // --snappy
  bool deflate = false;       // --deflate
  int64_t deflate_level = 6;  // --deflate-level

  bool any() const { return tls || snappy || deflate; }
};

// What lies between one connection of the load generator and its server.
//
// Home: the thread that made it.
class Layers {
 public:
  // Says the magic and an IDENTIFY with `fields` (JSON, or empty) on a blocking socket, and puts
  // the layers in place. What follows stays in the buffer.
  Status Open(int fd, const LayerChoice& choice, std::string_view fields, ReadBuffer* buffer);

  // Says a command on a blocking socket and waits for its OK.
  Status Ask(int fd, std::string_view command, ReadBuffer* buffer);

  // One read of whatever is there, as ReadBuffer::Fill.
  Status Fill(int fd, ReadBuffer* buffer);

  // Makes bytes part of what is to be sent; Send sends what the socket takes, kTimeout if that is
  // not all.
  Status Say(std::string_view bytes);
  Status Send(int fd);

 private:
  Status Push(std::unique_ptr<StreamFilter> filter, int fd, ReadBuffer* buffer);
  Status AwaitOk(int fd, ReadBuffer* buffer);
  Status Decode(std::string_view bytes, size_t first, ReadBuffer* buffer);

  std::vector<std::unique_ptr<StreamFilter>> filters_;  // outermost first
  Buffer out_;
  std::vector<char> raw_;
};

// The certificate that spawned servers are given; files in a folder that goes with it.
class ServerCertificate {
 public:
  ServerCertificate();
  ~ServerCertificate();
  std::vector<std::string> flags() const;

 private:
  struct Files;
  const std::unique_ptr<Files> files_;
};

}  // namespace nsq::bench
