// AUTH, and what it lets a client do: spec, nsqd-tcp 3.7.

#include <memory>
#include <string>
#include <string_view>

#include "common/log.h"
#include "common/strings.h"
#include "common/wire/json.h"
#include "nsqd/options.h"
#include "nsqd/protocol/auth.h"
#include "nsqd/protocol/broker.h"
#include "nsqd/protocol/session.h"

namespace nsq::nsqd {

bool Session::Auth(const CommandLine& line, std::string_view data) {
  if (info_.state != ClientState::kInit) return Refuse(refusal::WrongState(Command::kAuth));
  if (line.params > 0) return Refuse(refusal::AuthTakesNoParams());
  std::string_view secret;
  if (!ReadBody(Command::kAuth, options_.max_body_size, data, &secret)) return false;
  if (info_.auth != nullptr && !info_.auth->empty()) return Refuse(refusal::AuthAlreadySet());
  if (options_.auth_http_addresses.empty()) return Refuse(refusal::AuthDisabled());
  info_.auth_secret = secret;
  asking_for_auth_ = true;
  AskAuth();
  return true;
}

bool Session::Authorize(Command command, std::string_view topic, std::string_view channel) {
  if (options_.auth_http_addresses.empty()) return true;
  if (info_.auth == nullptr) return Refuse(refusal::AuthFirst(command));
  if (loop_.Now() >= info_.auth_expires) {
    asking_for_auth_ = false;
    AskAuth();
    return false;
  }
  using Permission = Authorizations::Permission;
  const bool known =
      command != Command::kSub && last_published_ != nullptr && last_published_->first == topic;
  if (known ||
      info_.auth->Allows(command == Command::kSub ? Permission::kSubscribe : Permission::kPublish,
                         topic, channel)) {
    return true;
  }
  return Refuse(refusal::NotAuthorized(command, topic, channel));
}

void Session::AskAuth() {
  asking_ = std::make_shared<AuthTicket>(AuthTicket{this});
  broker_.AskAuth({info_.auth_secret, info_.remote_ip, info_.tls_common_name, info_.tls}, asking_);
}

void Session::OnAuthAnswer(const Result<std::shared_ptr<const Authorizations>>& answer) {
  home_.Assert();
  asking_.reset();
  if (phase_ != Phase::kRunning) return;
  if (!answer.ok()) {
    NSQ_LOG(kWarn, "PROTOCOL(V2): [", info_.remote_address, "] AUTH failed ",
            answer.status().detail());
    Refuse(refusal::AuthFailed());
    return;
  }
  info_.auth = *answer;
  info_.auth_expires = loop_.Now() + info_.auth->ttl();
  last_published_ = nullptr;
  if (asking_for_auth_ && info_.auth->empty()) {
    Refuse(refusal::NoAuthorizations());
    return;
  }
  if (asking_for_auth_) {
    std::string json = "{\"identity\":";
    AppendJsonString(info_.auth->identity(), &json);
    json += ",\"identity_url\":";
    AppendJsonString(info_.auth->identity_url(), &json);
    json += StrCat(",\"permission_count\":", info_.auth->size(), "}");
    Respond(json);
  }
  last_command_ = loop_.Now();
  PauseOrResume();
}

}  // namespace nsq::nsqd
