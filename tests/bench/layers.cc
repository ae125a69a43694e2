#include "tests/bench/layers.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "common/filters/deflate_filter.h"
#include "common/filters/snappy_filter.h"
#include "common/filters/tls_context.h"
#include "common/filters/tls_filter.h"
#include "common/strings.h"
#include "tests/bench/handshake.h"
#include "tests/common/filters/test_certificates.h"

namespace nsq::bench {
namespace {

constexpr size_t kReadBytes = size_t{256} * 1024;

Result<std::shared_ptr<const TlsContext>> ClientContext() {
  static const Result<std::shared_ptr<const TlsContext>> context = [] {
    TlsClientOptions options;
    options.skip_verify = true;
    return TlsContext::ForClient(options);
  }();
  return context;
}

}  // namespace

Status Layers::Open(int fd, const LayerChoice& choice, std::string_view fields,
                    ReadBuffer* buffer) {
  raw_.resize(kReadBytes);
  const auto word = [](bool value) { return value ? "true" : "false"; };
  const std::string all =
      StrCat(fields, fields.empty() ? "" : ",",
             "\"feature_negotiation\":true,\"tls_v1\":", word(choice.tls),
             ",\"snappy\":", word(choice.snappy), ",\"deflate\":", word(choice.deflate),
             ",\"deflate_level\":", choice.deflate_level);
  Status status = Say("  V2" + Identify(all));
  if (status.ok()) status = Send(fd);
  std::optional<Frame> answer;
  while (status.ok() && !(answer = NextFrame(buffer))) status = Fill(fd, buffer);
  if (!status.ok()) return status;
  const auto granted = [&](bool wanted, std::string_view key) {
    return !wanted || answer->payload.find(StrCat("\"", key, "\":true")) != std::string::npos;
  };
  if (!granted(choice.tls, "tls_v1") || !granted(choice.snappy, "snappy") ||
      !granted(choice.deflate, "deflate")) {
    return Status(Code::kInvalid, StrCat("the server grants no such layers: ", answer->payload));
  }
  if (choice.tls) {
    const auto context = ClientContext();
    if (!context.ok()) return context.status();
    status = Push(std::make_unique<TlsFilter>(**context), fd, buffer);
    if (!status.ok()) return status;
  }
  if (choice.snappy) return Push(std::make_unique<SnappyFilter>(), fd, buffer);
  if (!choice.deflate) return Status();
  return Push(std::make_unique<DeflateFilter>(static_cast<int>(choice.deflate_level)), fd, buffer);
}

Status Layers::Push(std::unique_ptr<StreamFilter> filter, int fd, ReadBuffer* buffer) {
  Buffer hello;
  Status status = filter->Start(&hello);
  if (status.ok()) status = Say(hello.view());
  filters_.push_back(std::move(filter));
  // What has come already is in the new layer's form.
  const std::string rest(buffer->unread());
  buffer->Consume(rest.size());
  if (status.ok()) status = Decode(rest, filters_.size() - 1, buffer);
  while (status.ok() && !filters_.back()->ready()) {
    status = Send(fd);
    if (status.ok()) status = Fill(fd, buffer);
  }
  if (status.ok()) status = Send(fd);
  return status.ok() ? AwaitOk(fd, buffer) : status;
}

Status Layers::Ask(int fd, std::string_view command, ReadBuffer* buffer) {
  Status status = Say(command);
  if (status.ok()) status = Send(fd);
  return status.ok() ? AwaitOk(fd, buffer) : status;
}

Status Layers::AwaitOk(int fd, ReadBuffer* buffer) {
  while (true) {
    if (const std::optional<Frame> frame = NextFrame(buffer)) {
      if (frame->payload == "OK") return Status();
      return Status(Code::kInvalid, StrCat("an upgrade was answered with '", frame->payload, "'"));
    }
    if (Status status = Fill(fd, buffer); !status.ok()) return status;
  }
}

Status Layers::Fill(int fd, ReadBuffer* buffer) {
  if (filters_.empty()) return buffer->Fill(fd);
  const ssize_t got = read(fd, raw_.data(), raw_.size());
  if (got > 0) return Decode({raw_.data(), static_cast<size_t>(got)}, 0, buffer);
  if (got == 0) return Status(Code::kUnavailable, "the server closed the connection");
  if (errno == EAGAIN || errno == EINTR) return Status(Code::kTimeout, "nothing to read");
  return ErrnoStatus(errno, "read from the server");
}

Status Layers::Decode(std::string_view bytes, size_t first, ReadBuffer* buffer) {
  Buffer stages[2];
  for (size_t i = first; i < filters_.size(); ++i) {
    Buffer& stage = stages[i % 2];
    stage.Consume(stage.size());
    do {
      Buffer reply;
      Status status = filters_[i]->Decode(bytes, &stage, &reply);
      if (!status.ok()) return status;
      out_.Append(reply.view());  // only TLS, the outermost, has any
      bytes = {};
    } while (filters_[i]->has_more());
    bytes = stage.view();
  }
  buffer->Append(bytes);
  return Status();
}

Status Layers::Say(std::string_view bytes) {
  Buffer stages[2];
  for (size_t i = filters_.size(); i-- > 0;) {
    Buffer& stage = stages[i % 2];
    stage.Consume(stage.size());
    if (!filters_[i]->ready()) break;
    if (Status status = filters_[i]->Encode(bytes, i == 0 ? &out_ : &stage); !status.ok()) {
      return status;
    }
    if (i == 0) return Status();
    bytes = stage.view();
  }
  out_.Append(bytes);
  return Status();
}

Status Layers::Send(int fd) {
  while (!out_.empty()) {
    const ssize_t sent = send(fd, out_.data().data(), out_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return Status(Code::kTimeout, "the socket is full");
    if (sent < 0) return ErrnoStatus(errno, "send to the server");
    out_.Consume(static_cast<size_t>(sent));
  }
  return Status();
}

struct ServerCertificate::Files {
  TestAuthority authority;
  TestAuthority::Pair pair = authority.Issue("server");
};

ServerCertificate::ServerCertificate() : files_(std::make_unique<Files>()) {}

ServerCertificate::~ServerCertificate() = default;

std::vector<std::string> ServerCertificate::flags() const {
  return {"--tls-cert=" + files_->pair.cert_file, "--tls-key=" + files_->pair.key_file,
          "--https-address="};
}

}  // namespace nsq::bench
