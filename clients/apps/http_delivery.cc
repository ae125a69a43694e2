#include "clients/apps/http_delivery.h"

#include "clients/apps/app.h"
#include "common/check.h"
#include "common/strings.h"

namespace nsq::apps {

struct HttpDelivery::Job {
  explicit Job(Message m) : message(std::move(m)) {}
  Message message;
  SteadyTime begun;
  SteadyTime asked;
};

HttpDelivery::HttpDelivery(client::RuntimeCore& runtime, HttpDeliveryOptions options)
    : runtime_(runtime),
      options_(std::move(options)),
      destinations_(options_.addresses, options_.mode, options_.status_every),
      random_(std::random_device{}()) {
  if (options_.is_post) return;
  for (const std::string& address : options_.addresses) {
    const auto url = UrlTemplate::Parse(address);
    NSQ_CHECK(url.has_value());  // whoever made the options has looked
    templates_.push_back(*url);
  }
}

bool HttpDelivery::Register() { return runtime_.Register(0, weak_from_this()); }

Outcome HttpDelivery::Take(Message& message) {
  if (left_) return Outcome::Requeue(Duration::zero(), Penalty::kNone);
  if (options_.sample < 1 &&
      std::uniform_real_distribution<double>(0, 1)(random_) >= options_.sample) {
    return Outcome::Finish();
  }
  auto job = std::make_shared<Job>(std::move(message));
  if (active_ < options_.requests) {
    Begin(std::move(job));
  } else {
    waiting_.push_back(std::move(job));
  }
  return Outcome::Taken();
}

void HttpDelivery::Begin(std::shared_ptr<Job> job) {
  if (http_ == nullptr) {
    http_ = std::make_unique<client::HttpClient>(runtime_.loop(0), runtime_, options_.http);
  }
  ++active_;
  job->begun = std::chrono::steady_clock::now();
  const size_t first = options_.mode == Mode::kAll ? 0 : destinations_.Choose();
  Ask(std::move(job), first);
}

void HttpDelivery::Ask(std::shared_ptr<Job> job, size_t address) {
  client::HttpRequest request;
  request.is_post = options_.is_post;
  request.headers = options_.headers;
  if (options_.is_post) {
    request.url = destinations_.address(address);
    request.body = job->message.body();
  } else {
    request.url = templates_[address].Fill(job->message.body());
  }
  job->asked = std::chrono::steady_clock::now();
  http_->Ask(std::move(request),
             [this, job = std::move(job), address](Result<client::HttpResponse> response) {
               OnAnswer(job, address, response);
             });
}

void HttpDelivery::OnAnswer(const std::shared_ptr<Job>& job, size_t address,
                            const Result<client::HttpResponse>& response) {
  const Duration took = std::chrono::steady_clock::now() - job->asked;
  const int status = response.ok() ? response->status : 0;
  // A GET is accepted by nothing but 200, as the original has it.
  const bool success = options_.is_post ? status / 100 == 2 : status == 200;
  if (options_.mode != Mode::kAll) destinations_.Report(address, success, took);
  if (!success) {
    LogText(StrCat(
        "ERROR: msg ", job->message.id(), " not delivered to ", destinations_.address(address),
        ": ", response.ok() ? StrCat("got status code ", status) : response.status().detail()));
    End(job, false);
    return;
  }
  if (destinations_.size() > 1) destinations_.Time(address, took);
  if (options_.mode == Mode::kAll && address + 1 < destinations_.size()) {
    Ask(job, address + 1);
    return;
  }
  if (destinations_.size() == 1) destinations_.Time(address, took);
  End(job, true);
}

void HttpDelivery::End(const std::shared_ptr<Job>& job, bool success) {
  static_cast<void>(success ? job->message.Finish() : job->message.Requeue());
  --active_;
  if (waiting_.empty() || active_ >= options_.requests) return;
  std::shared_ptr<Job> next = std::move(waiting_.front());
  waiting_.pop_front();
  Begin(std::move(next));
}

void HttpDelivery::LeaveLoop() noexcept {
  left_ = true;
  waiting_.clear();
  http_.reset();
}

}  // namespace nsq::apps
