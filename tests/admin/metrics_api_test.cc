#include "admin/metrics_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/call_stats.h"
#include "admin/sampler.h"
#include "admin/watcher.h"

namespace nsq::admin {
namespace {

using testing::HasSubstr;
using testing::Not;

class MetricsApiTest : public testing::Test {
 protected:
  MetricsApiTest() { api.AddRoutes(&router); }
  Response Get(const std::string& target) {
    return router.Answer(
        {.method = "GET", .target = target, .body = "", .peer = "", .headers = {}});
  }

  static ClusterSample Take() {
    ClusterSample sample;
    sample.unix_ms = 2500;
    sample.by_lookupd = true;
    sample.lookupds.resize(2);
    sample.lookupds[0].address = "l1:4161";
    sample.lookupds[1].address = "l2\":4161";
    sample.lookupds[1].status = Status(Code::kTimeout, "hangs");
    sample.nodes.resize(1);
    sample.nodes[0].address = "a:4151";
    sample.nodes[0].status = Status(Code::kUnavailable, "refused");
    return sample;
  }

  int taken = 0;
  Sampler sampler{[this] { return ++taken, Take(); }, [] { return SteadyTime(); }};
  CallStats requests;
  CallStats calls;
  MetricsApi api{&sampler, &requests, &calls};
  Router router{"/"};
};

TEST_F(MetricsApiTest, SaysWhatIsWrongWithTheCluster) {
  EXPECT_THAT(Get("/metrics").body, Not(HasSubstr("nsqadmin_cluster"))) << "not looked yet";
  sampler.Report();
  calls.Add("timeout", milliseconds(3));
  requests.Add("2xx", milliseconds(3));
  const Response response = Get("/metrics");
  EXPECT_EQ(response.content_type, "text/plain; version=0.0.4; charset=utf-8");
  for (const char* line : {
           "nsqadmin_cluster_nodes{state=\"down\"} 1\n",
           "nsqadmin_cluster_nodes{state=\"up\"} 0\n",
           "nsqadmin_cluster_nsqlookupd_up{address=\"l1:4161\"} 1\n",
           "nsqadmin_cluster_nsqlookupd_up{address=\"l2\\\":4161\"} 0\n",
           "nsqadmin_cluster_problems{severity=\"error\"} 2\n",
           "nsqadmin_sample_timestamp_seconds 2.5\n",
           "nsqadmin_upstream_calls_total{outcome=\"timeout\"} 1\n",
           "nsqadmin_http_requests_total{code=\"2xx\"} 1\n",
           "nsqadmin_http_requests_duration_seconds_count 1\n",
           "# TYPE process_cpu_seconds_total counter\n",
       }) {
    EXPECT_THAT(response.body, HasSubstr(line));
  }
  EXPECT_EQ(taken, 1) << "scraping asks no daemon";
}

TEST_F(MetricsApiTest, ReadyOnceItHasLooked) {
  EXPECT_EQ(Get("/livez").body, "OK");
  EXPECT_EQ(taken, 0);
  EXPECT_EQ(Get("/readyz").status, 200) << "a sick cluster is what the page is for";
  EXPECT_EQ(taken, 1);
}

TEST(WatcherTest, LooksWithoutBeingAskedAndNeverWithAnIntervalOfZero) {
  std::mutex mutex;
  std::condition_variable looked;
  int taken = 0;
  SteadyTime now;
  Sampler sampler(
      [&] {
        const std::lock_guard lock(mutex);
        ++taken;
        now += seconds(10);
        looked.notify_one();
        return ClusterSample();
      },
      [&] {
        const std::lock_guard lock(mutex);
        return now;
      });
  { const Watcher idle(&sampler, Duration::zero()); }
  EXPECT_EQ(taken, 0);
  const Watcher watcher(&sampler, milliseconds(1));
  std::unique_lock lock(mutex);
  looked.wait(lock, [&] { return taken >= 1; });
}

}  // namespace
}  // namespace nsq::admin
