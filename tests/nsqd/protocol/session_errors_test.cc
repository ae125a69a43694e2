// Every way in which a command is refused, to the byte: spec, nsqd-tcp 1.2, 1.3, 2.1-2.4, 3.1, 3.7.

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/nsqd/protocol/fixture.h"

namespace nsq::nsqd {
namespace {

constexpr std::string_view kId = "0000000000000000";
const std::string kMagic = "  V2";
const std::string kSub = kMagic + "SUB t#ephemeral c\n";

struct Row {
  std::string says;
  std::vector<std::string> hears;
  bool ends_sending = false;  // the client's side, after what it says
};

struct SessionErrorsTest : SessionTest {
  void ExpectFatal(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      SCOPED_TRACE(row.says.substr(0, 200));
      Connect();
      Say(row.says);
      if (row.ends_sending) client->EndSending();
      ExpectHeardAndClosed(row.hears);
    }
  }
};

TEST_F(SessionErrorsTest, WrongMagic) {
  ExpectFatal({
      {"  V1", {"error E_BAD_PROTOCOL"}},
      {"GET / HTTP/1.1\r\n\r\n", {"error E_BAD_PROTOCOL"}},
      {" V2 NOP\n", {"error E_BAD_PROTOCOL"}},
      {"", {}, true},
      {"  V", {}, true},
      {"  V2", {}, true},
  });
}

TEST_F(SessionErrorsTest, UnknownCommand) {
  using namespace std::string_literals;
  ExpectFatal({
      {kMagic + "nop\n", {"error E_INVALID invalid command nop"}},
      {kMagic + "\n", {"error E_INVALID invalid command "}},
      {kMagic + "\r\n", {"error E_INVALID invalid command "}},
      {kMagic + "NOP\r\r\n", {"error E_INVALID invalid command NOP\r"}},
      {kMagic + " NOP\n", {"error E_INVALID invalid command "}},
      {kMagic + "NOP\tx y\n", {"error E_INVALID invalid command NOP\tx"}},
      {kMagic + "\0\xff\n"s, {"error E_INVALID invalid command \0\xff"s}},
      {kMagic + "NOP\nNOP x y z\r\nnope\nNOP\n", {"error E_INVALID invalid command nope"}},
  });
}

TEST_F(SessionErrorsTest, LineTooLongClosesWithoutAFrame) {
  ExpectFatal({
      {kMagic + "NOP " + std::string(16384 - 4, 'x') + "\n", {}},
      {kMagic + std::string(100000, 'x'), {}},
      {kMagic + Pub("t", "m") + std::string(16384, 'x') + "\n", {"response OK"}},
      {kMagic + "NOP " + std::string(16384 - 5, 'x') + "\nx\n",
       {"error E_INVALID invalid command x"}},
  });
}

TEST_F(SessionErrorsTest, WrongState) {
  const auto cannot = [](const char* command) {
    return std::string("error E_INVALID cannot ") + command + " in current state";
  };
  const std::string closing = kSub + "CLS\n";
  ExpectFatal({
      // Before any parameter is looked at.
      {kMagic + "RDY x\n", {cannot("RDY")}},
      {kMagic + "FIN\n", {cannot("FIN")}},
      {kMagic + "REQ\n", {cannot("REQ")}},
      {kMagic + "TOUCH\n", {cannot("TOUCH")}},
      {kMagic + "CLS\n", {cannot("CLS")}},
      {kSub + "SUB\n", {"response OK", cannot("SUB")}},
      {kSub + "IDENTIFY\n", {"response OK", cannot("IDENTIFY")}},
      {kSub + "AUTH x\n", {"response OK", cannot("AUTH")}},
      {closing + "SUB t c\n", {"response OK", "response CLOSE_WAIT", cannot("SUB")}},
      {closing + "CLS\n", {"response OK", "response CLOSE_WAIT", cannot("CLS")}},
      {closing + "IDENTIFY\n", {"response OK", "response CLOSE_WAIT", cannot("IDENTIFY")}},
      {closing + "AUTH\n", {"response OK", "response CLOSE_WAIT", cannot("AUTH")}},
      // RDY is not even parsed now; FIN and the like are.
      {closing + "RDY x\nFIN\n",
       {"response OK", "response CLOSE_WAIT", "error E_INVALID FIN insufficient number of params"}},
      {closing + "NOP\n" + Pub("t", "m") + Mpub("t", {"m"}) + "DPUB t 0\n" + Sized("m") + "x\n",
       {"response OK", "response CLOSE_WAIT", "response OK", "response OK", "response OK",
        "error E_INVALID invalid command x"}},
  });
}

TEST_F(SessionErrorsTest, Sub) {
  const std::string max(64, 'n');
  ExpectFatal({
      {kMagic + Identify(R"({"heartbeat_interval":-1})") + "SUB\n",
       {"response OK", "error E_INVALID cannot SUB with heartbeats disabled"}},
      {kMagic + "SUB\n", {"error E_INVALID SUB insufficient number of parameters"}},
      {kMagic + "SUB t\n", {"error E_INVALID SUB insufficient number of parameters"}},
      {kMagic + "SUB  t c\n", {"error E_BAD_TOPIC SUB topic name \"\" is not valid"}},
      {kMagic + "SUB a*b c\n", {"error E_BAD_TOPIC SUB topic name \"a*b\" is not valid"}},
      {kMagic + "SUB t\"\\\x01\x7f\xff\xc3\xa9 c\n",
       {"error E_BAD_TOPIC SUB topic name \"t\\\"\\\\\\x01\\x7f\\xff\xc3\xa9\" is not valid"}},
      {kMagic + "SUB n" + max + " c\n",
       {"error E_BAD_TOPIC SUB topic name \"n" + max + "\" is not valid"}},
      {kMagic + "SUB #ephemeral c\n",
       {"error E_BAD_TOPIC SUB topic name \"#ephemeral\" is not valid"}},
      {kMagic + "SUB t \n", {"error E_BAD_CHANNEL SUB channel name \"\" is not valid"}},
      {kMagic + "SUB t c/d\n", {"error E_BAD_CHANNEL SUB channel name \"c/d\" is not valid"}},
  });
}

TEST_F(SessionErrorsTest, SubBeyondTheLimitOfConsumers) {
  broker.mutable_options().max_channel_consumers = 1;
  Subscribe("t#ephemeral", "c");
  ExpectFatal(
      {{kSub, {"error E_SUB_FAILED SUB failed consumers for t#ephemeral:c exceeds limit of 1"}}});
}

TEST_F(SessionErrorsTest, SubOfWhatIsGoingAwayIsTriedTwice) {
  const Status exiting(Code::kUnavailable, "exiting");
  broker.topic_errors = {exiting, exiting, Status()};
  ExpectFatal({{kSub, {"error E_SUB_FAILED SUB failed to deleted topic/channel"}}});
  broker.topic_errors = {exiting};
  ExpectFatal({{kMagic + "SUB t c\n", {"error E_SUB_FAILED SUB failed exiting"}}});
  broker.topic_errors = {exiting};
  Connect();
  Subscribe();
}

TEST_F(SessionErrorsTest, Rdy) {
  const auto fails = [](const std::string& line, const std::string& why) {
    return Row{kSub + line + "\n", {"response OK", "error E_INVALID RDY " + why}};
  };
  ExpectFatal({
      fails("RDY -1", "could not parse count -1"),
      fails("RDY 1.0", "could not parse count 1.0"),
      fails("RDY x y", "could not parse count x"),
      fails("RDY 2501", "count 2501 out of range 0-2500"),
      fails("RDY 18446744073709551615", "count -1 out of range 0-2500"),
  });
  Connect();
  Subscribe();
  Say("RDY\nRDY \nRDY 0\nRDY 2500\nRDY 18446744073709551616\nRDY 1 x\nCLS\n");
  ExpectHeard({"response CLOSE_WAIT"});
}

TEST_F(SessionErrorsTest, AboutAMessage) {
  const auto fails = [](const std::string& line, const std::string& why) {
    return Row{kSub + line + "\n", {"response OK", "error E_INVALID " + why}};
  };
  const std::string id(kId);
  ExpectFatal({
      fails("FIN", "FIN insufficient number of params"),
      fails("FIN ", "invalid message ID"),
      fails("FIN 123", "invalid message ID"),
      fails("FIN " + id + "0", "invalid message ID"),
      fails("TOUCH", "TOUCH insufficient number of params"),
      fails("TOUCH 000", "invalid message ID"),
      fails("REQ", "REQ insufficient number of params"),
      fails("REQ " + id, "REQ insufficient number of params"),
      fails("REQ 12 x", "invalid message ID"),
      fails("REQ " + id + " x", "REQ could not parse timeout x"),
      fails("REQ " + id + " -1", "REQ could not parse timeout -1"),
  });
}

TEST_F(SessionErrorsTest, WhatIsNotInFlightLeavesTheConnectionOpen) {
  Subscribe();
  Say("FIN 0123456789abcdef\nREQ zzzzzzzzzzzzzzzz 5\nTOUCH 0000000000000000\n");
  Say("REQ 0000000000000000 99999999999\nFIN \x01\x02\x03\x04\x05\x06\x07\x08zzzzzzzz\nCLS\n");
  ExpectHeard({"error E_FIN_FAILED FIN 0123456789abcdef failed ID not in flight",
               "error E_REQ_FAILED REQ zzzzzzzzzzzzzzzz failed ID not in flight",
               "error E_TOUCH_FAILED TOUCH 0000000000000000 failed ID not in flight",
               "error E_REQ_FAILED REQ 0000000000000000 failed ID not in flight",
               "error E_FIN_FAILED FIN \x01\x02\x03\x04\x05\x06\x07\x08zzzzzzzz failed "
               "ID not in flight",
               "response CLOSE_WAIT"});
}

TEST_F(SessionErrorsTest, PublishingOnTheLine) {
  ExpectFatal({
      {kMagic + "PUB\n", {"error E_INVALID PUB insufficient number of parameters"}},
      {kMagic + "MPUB\n", {"error E_INVALID MPUB insufficient number of parameters"}},
      {kMagic + "DPUB\n", {"error E_INVALID DPUB insufficient number of parameters"}},
      {kMagic + "DPUB t\n", {"error E_INVALID DPUB insufficient number of parameters"}},
      // Without waiting for a body.
      {kMagic + "PUB t*\n", {"error E_BAD_TOPIC PUB topic name \"t*\" is not valid"}},
      {kMagic + "MPUB t*\n", {"error E_BAD_TOPIC E_BAD_TOPIC MPUB topic name \"t*\" is not valid"}},
      {kMagic + "DPUB t* x\n", {"error E_BAD_TOPIC DPUB topic name \"t*\" is not valid"}},
      {kMagic + "DPUB t x\n", {"error E_INVALID DPUB could not parse timeout x"}},
      {kMagic + "DPUB t -1\n", {"error E_INVALID DPUB could not parse timeout -1"}},
      {kMagic + "DPUB t 3600001\n",
       {"error E_INVALID DPUB timeout 3600001 out of range 0-3600000"}},
      {kMagic + "DPUB t 18446744073709551615\n",
       {"error E_INVALID DPUB timeout 18446744073709551615 out of range 0-3600000"}},
  });
  EXPECT_TRUE(broker.published.empty());
  EXPECT_TRUE(broker.ensured.empty());
}

TEST_F(SessionErrorsTest, SizeOfABody) {
  const auto rows = [](const std::string& command, const std::string& code, const std::string& what,
                       const std::string& max, int64_t over) {
    const std::string name = command.substr(0, command.find(' '));
    const std::string error = "error " + code + " " + name;
    const std::string noun = what == "message" ? "message body" : what;
    return std::vector<Row>{
        {kMagic + command + "\n", {error + " failed to read " + noun + " size"}, true},
        {kMagic + command + "\n" + "\0\0\0", {error + " failed to read " + noun + " size"}, true},
        {kMagic + command + "\n" + Int(0), {error + " invalid " + noun + " size 0"}},
        {kMagic + command + "\n" + Int(-7), {error + " invalid " + noun + " size -7"}},
        {kMagic + command + "\n" + Int(over),
         {error + " " + what + " too big " + std::to_string(over) + " > " + max}},
    };
  };
  const auto partial = [](const std::string& command, const std::string& error) {
    return std::vector<Row>{{kMagic + command + "\n" + Int(5) + "1234", {"error " + error}, true},
                            {kMagic + command + "\n" + Int(5), {"error " + error}, true}};
  };
  ExpectFatal(rows("PUB t", "E_BAD_MESSAGE", "message", "1048576", 1048577));
  ExpectFatal(rows("DPUB t 0", "E_BAD_MESSAGE", "message", "1048576", 1048577));
  ExpectFatal(rows("MPUB t", "E_BAD_BODY", "body", "5242880", 5242881));
  ExpectFatal(rows("IDENTIFY", "E_BAD_BODY", "body", "5242880", 5242881));
  ExpectFatal(rows("AUTH", "E_BAD_BODY", "body", "5242880", 5242881));
  ExpectFatal(partial("PUB t", "E_BAD_MESSAGE PUB failed to read message body"));
  ExpectFatal(partial("DPUB t 0", "E_BAD_MESSAGE DPUB failed to read message body"));
  ExpectFatal(partial("IDENTIFY", "E_BAD_BODY IDENTIFY failed to read body"));
  ExpectFatal(partial("AUTH", "E_BAD_BODY AUTH failed to read body"));
  EXPECT_TRUE(broker.published.empty());
}

TEST_F(SessionErrorsTest, LargestBodiesAreTaken) {
  Say(kMagic + Pub("t", std::string(1048576, 'x')));
  ExpectHeard({"response OK"});
  EXPECT_EQ(broker.published[0].bodies[0].size(), 1048576u);
}

TEST_F(SessionErrorsTest, BodyOfAnMpub) {
  const std::string line = kMagic + "MPUB t\n" + Int(100);
  ExpectFatal({
      {line, {"error E_BAD_BODY MPUB failed to read message count"}, true},
      {line + "\1\1", {"error E_BAD_BODY MPUB failed to read message count"}, true},
      {line + Int(0), {"error E_BAD_BODY MPUB invalid message count 0"}},
      {line + Int(-1), {"error E_BAD_BODY MPUB invalid message count -1"}},
      {line + Int(1048576), {"error E_BAD_BODY MPUB invalid message count 1048576"}},
      {line + Int(1048575), {"error E_BAD_MESSAGE MPUB failed to read message(0) body size"}, true},
      {line + Int(2) + Sized("a") + "\1",
       {"error E_BAD_MESSAGE MPUB failed to read message(1) body size"},
       true},
      {line + Int(2) + Sized("a") + Int(0),
       {"error E_BAD_MESSAGE MPUB invalid message(1) body size 0"}},
      {line + Int(2) + Int(-3), {"error E_BAD_MESSAGE MPUB invalid message(0) body size -3"}},
      {line + Int(2) + Sized("a") + Int(1048577),
       {"error E_BAD_MESSAGE MPUB message too big 1048577 > 1048576"}},
      {line + Int(1) + Int(5) + "abc",
       {"error E_BAD_MESSAGE MPUB failed to read message body"},
       true},
  });
  EXPECT_TRUE(broker.published.empty()) << "a parse error queues nothing";
  EXPECT_EQ(broker.ensured, std::vector<std::string>(11, "t")) << "but the topic is there";
}

// What an MPUB announces only has to be in range; its inner sizes say where it ends.
TEST_F(SessionErrorsTest, AnnouncedSizeOfAnMpubDoesNotCount) {
  const std::string inner = Int(1) + Sized("body!");
  Say(kMagic + "MPUB t\n" + Int(1) + inner + "MPUB t\n" + Int(5242880) + inner + "MPUB t\n" +
      Int(100) + inner);
  ExpectHeard({"response OK", "response OK", "response OK"});
  for (const auto& published : broker.published) {
    EXPECT_EQ(published.bodies, std::vector<std::string>{"body!"});
  }
}

TEST_F(SessionErrorsTest, PublishThatFails) {
  broker.publishing = TestBroker::Publishing::kHeld;
  const std::pair<std::string, std::string> rows[] = {
      {Pub("t", "m"), "error E_PUB_FAILED PUB failed disk full"},
      {Mpub("t", {"m"}), "error E_MPUB_FAILED MPUB failed disk full"},
      {"DPUB t 5\n" + Sized("m"), "error E_DPUB_FAILED DPUB failed disk full"},
  };
  for (const auto& [command, error] : rows) {
    Connect();
    Say(kMagic + command);
    const size_t index = broker.published.size();
    RunUntil([&] { return broker.published.size() > index; });
    broker.Answer(index, Status(Code::kExhausted, "disk full"));
    ExpectHeardAndClosed({error});
  }
}

TEST_F(SessionErrorsTest, Identify) {
  const auto fails = [](const std::string& json, const std::string& why) {
    return Row{kMagic + Identify(json), {"error E_BAD_BODY IDENTIFY " + why}};
  };
  ExpectFatal({
      fails("[]", "failed to decode JSON body"),
      fails("{} x", "failed to decode JSON body"),
      fails(R"({"msg_timeout":"1000"})", "failed to decode JSON body"),
      fails(R"({"heartbeat_interval":5})", "heartbeat interval (5) is invalid"),
      fails(R"({"output_buffer_timeout":5})", "output buffer timeout (5) is invalid"),
      fails(R"({"output_buffer_size":5})", "output buffer size (5) is invalid"),
      fails(R"({"sample_rate":100})", "sample rate (100) is invalid"),
      fails(R"({"msg_timeout":5})", "msg timeout (5) is invalid"),
  });
}

TEST_F(SessionErrorsTest, Auth) {
  ExpectFatal({
      {kMagic + "AUTH \n", {"error E_INVALID AUTH invalid number of parameters"}},
      {kMagic + "AUTH x\n" + Sized("secret"),
       {"error E_INVALID AUTH invalid number of parameters"}},
      {kMagic + "AUTH\n" + Sized("secret"), {"error E_AUTH_DISABLED AUTH disabled"}},
      {kMagic + Identify("{}") + "AUTH\n" + Sized("secret"),
       {"response OK", "error E_AUTH_DISABLED AUTH disabled"}},
  });
}

// The bytes of a refused PUB keep coming: the client gets the error all the same, and no reset.
TEST_F(SessionErrorsTest, ErrorArrivesAlthoughTheClientGoesOnSending) {
  Say(kMagic + "PUB t\n" + Int(2000000) + std::string(2000000, 'x'));
  ExpectHeardAndClosed({"error E_BAD_MESSAGE PUB message too big 2000000 > 1048576"});
}

}  // namespace
}  // namespace nsq::nsqd
