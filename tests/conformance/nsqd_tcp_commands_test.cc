// Every command of nsqd's TCP port, and every error it has, one row each (spec: nsqd-tcp 1 to 3).

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/strings.h"
#include "tests/conformance/conformance_fixture.h"
#include "tests/conformance/conversation.h"

namespace nsq::conformance {
namespace {

using enum End;

// Rows that say the magic first.
std::vector<Row> Rows(std::vector<Row> rows) {
  for (Row& row : rows) row.say.insert(0, "  V2");
  return rows;
}

// As Rows, for a consumer of a channel.
std::vector<Row> ConsumerRows(std::vector<Row> rows) {
  for (Row& row : rows) {
    row.say.insert(0, "  V2SUB rows c\n");
    row.expected.frames.insert(row.expected.frames.begin(), "OK");
  }
  return rows;
}

std::string Many(size_t count) { return std::string(count, 'a'); }

// count, and each body behind its size: what MPUB has behind the size of all.
std::string Bodies(const std::vector<std::string>& bodies) {
  std::string all = Size(static_cast<int64_t>(bodies.size()));
  for (const std::string& body : bodies) all += Body(body);
  return all;
}

class NsqdTcpCommands : public NsqdConformance {
 protected:
  void Check(const std::vector<Row>& rows) { CheckRows(tcp_port(), Protocol::kV2, rows); }
};

TEST_P(NsqdTcpCommands, Magic) {
  Check({
      {"  V1", {{"E_BAD_PROTOCOL"}, kCloses}},
      {"GET / HTTP/1.0\r\n\r\n", {{"E_BAD_PROTOCOL"}, kCloses}},
      {"  V2", {{}, kStays}},
      {"  V", {{}, kCut}},
      {"", {{}, kCut}},
  });
}

TEST_P(NsqdTcpCommands, Lines) {
  Check(Rows({
      {"\n", {{"E_INVALID invalid command "}, kCloses}},
      {"\r\n", {{"E_INVALID invalid command "}, kCloses}},
      {"NOP\n", {{}, kStays}},
      {"NOP\r\n", {{}, kStays}},
      {"NOP\r\r\n", {{"E_INVALID invalid command NOP\r"}, kCloses}},
      {"NOP x y\n", {{}, kStays}},
      {"nop\n", {{"E_INVALID invalid command nop"}, kCloses}},
      {" NOP\n", {{"E_INVALID invalid command "}, kCloses}},
      {"NOP\tx\n", {{"E_INVALID invalid command NOP\tx"}, kCloses}},
      {std::string("FOO\0\xFF bar\n", 10),
       {{std::string("E_INVALID invalid command FOO\0\xFF", 31)}, kCloses}},
      {"NOP " + Many(16379) + "\n", {{}, kStays}},
      {Many(16383) + "\n", {{"E_INVALID invalid command " + Many(16383)}, kCloses}},
      {Many(16384) + "\n", {{}, kCloses}},
      {"NOP", {{}, kCut}},
      {"PUB lines\n" + Body("x") + "NOP\nPUB lines\n" + Body("y"), {{"OK", "OK"}, kStays}},
      {"PUB lines\n" + Body("x") + "PUB lines\n" + Body("y"), {{"OK", "OK"}, kCut}},
  }));
}

TEST_P(NsqdTcpCommands, StatesOfAClientThatIsNoConsumer) {
  Check(Rows({
      {"RDY 1\n", {{"E_INVALID cannot RDY in current state"}, kCloses}},
      {"FIN x\n", {{"E_INVALID cannot FIN in current state"}, kCloses}},
      {"REQ x\n", {{"E_INVALID cannot REQ in current state"}, kCloses}},
      {"TOUCH x\n", {{"E_INVALID cannot TOUCH in current state"}, kCloses}},
      {"CLS\n", {{"E_INVALID cannot CLS in current state"}, kCloses}},
  }));
}

TEST_P(NsqdTcpCommands, StatesOfAConsumer) {
  Check(ConsumerRows({
      {"IDENTIFY\n", {{"E_INVALID cannot IDENTIFY in current state"}, kCloses}},
      {"AUTH\n", {{"E_INVALID cannot AUTH in current state"}, kCloses}},
      {"SUB rows c\n", {{"E_INVALID cannot SUB in current state"}, kCloses}},
      {"SUB\n", {{"E_INVALID cannot SUB in current state"}, kCloses}},
      {"PUB other\n" + Body("x") + "NOP\n", {{"OK"}, kStays}},
      {"CLS\n", {{"CLOSE_WAIT"}, kStays}},
  }));
}

TEST_P(NsqdTcpCommands, StatesBehindCls) {
  std::vector<Row> rows = {
      {"IDENTIFY\n", {{"E_INVALID cannot IDENTIFY in current state"}, kCloses}},
      {"AUTH\n", {{"E_INVALID cannot AUTH in current state"}, kCloses}},
      {"SUB rows c\n", {{"E_INVALID cannot SUB in current state"}, kCloses}},
      {"CLS\n", {{"E_INVALID cannot CLS in current state"}, kCloses}},
      {"RDY 1\nRDY rubbish\nRDY\n", {{}, kStays}},
      {"FIN 0123456789abcdef\n",
       {{"E_FIN_FAILED FIN 0123456789abcdef failed ID not in flight"}, kStays}},
      {"REQ 0123456789abcdef 0\n",
       {{"E_REQ_FAILED REQ 0123456789abcdef failed ID not in flight"}, kStays}},
      {"TOUCH 0123456789abcdef\n",
       {{"E_TOUCH_FAILED TOUCH 0123456789abcdef failed ID not in flight"}, kStays}},
      {"PUB other\n" + Body("x") + "MPUB other\n" + Body(Bodies({"x"})) + "DPUB other 1\n" +
           Body("x") + "NOP\n",
       {{"OK", "OK", "OK"}, kStays}},
  };
  for (Row& row : rows) {
    row.say.insert(0, "CLS\n");
    row.expected.frames.insert(row.expected.frames.begin(), "CLOSE_WAIT");
  }
  Check(ConsumerRows(rows));
}

TEST_P(NsqdTcpCommands, Sub) {
  Check(Rows({
      {"SUB sub c\n", {{"OK"}, kStays}},
      {"SUB sub c and more\n", {{"OK"}, kStays}},
      {"SUB sub#ephemeral c#ephemeral\n", {{"OK"}, kStays}},
      {"SUB " + Many(64) + " " + Many(64) + "\n", {{"OK"}, kStays}},
      {"SUB " + Many(54) + "#ephemeral c\n", {{"OK"}, kStays}},
      {"SUB\n", {{"E_INVALID SUB insufficient number of parameters"}, kCloses}},
      {"SUB sub\n", {{"E_INVALID SUB insufficient number of parameters"}, kCloses}},
      {"SUB  sub c\n", {{"E_BAD_TOPIC SUB topic name \"\" is not valid"}, kCloses}},
      {"SUB b@d c\n", {{"E_BAD_TOPIC SUB topic name \"b@d\" is not valid"}, kCloses}},
      {"SUB " + Many(65) + " c\n",
       {{"E_BAD_TOPIC SUB topic name \"" + Many(65) + "\" is not valid"}, kCloses}},
      {"SUB " + Many(55) + "#ephemeral c\n",
       {{"E_BAD_TOPIC SUB topic name \"" + Many(55) + "#ephemeral\" is not valid"}, kCloses}},
      {"SUB #ephemeral c\n", {{"E_BAD_TOPIC SUB topic name \"#ephemeral\" is not valid"}, kCloses}},
      {"SUB t\"\\\x01\x7f\xff\xc3\xa9 c\n",
       {{"E_BAD_TOPIC SUB topic name \"t\\\"\\\\\\x01\\x7f\\xff\xc3\xa9\" is not valid"}, kCloses}},
      {"SUB sub \n", {{"E_BAD_CHANNEL SUB channel name \"\" is not valid"}, kCloses}},
      {"SUB sub a#b\n", {{"E_BAD_CHANNEL SUB channel name \"a#b\" is not valid"}, kCloses}},
      {"SUB sub " + Many(65) + "\n",
       {{"E_BAD_CHANNEL SUB channel name \"" + Many(65) + "\" is not valid"}, kCloses}},
      {"IDENTIFY\n" + Body(R"({"heartbeat_interval":-1})") + "SUB sub c\n",
       {{"OK", "E_INVALID cannot SUB with heartbeats disabled"}, kCloses}},
  }));
}

TEST_P(NsqdTcpCommands, Rdy) {
  Check(ConsumerRows({
      {"RDY\nRDY \nRDY 0\nRDY 2500\nRDY 1 x\nRDY 18446744073709551616\n", {{}, kStays}},
      {"RDY 2501\n", {{"E_INVALID RDY count 2501 out of range 0-2500"}, kCloses}},
      {"RDY -1\n", {{"E_INVALID RDY could not parse count -1"}, kCloses}},
      {"RDY +1\n", {{"E_INVALID RDY could not parse count +1"}, kCloses}},
      {"RDY 1.0\n", {{"E_INVALID RDY could not parse count 1.0"}, kCloses}},
      {"RDY x\n", {{"E_INVALID RDY could not parse count x"}, kCloses}},
      {"RDY 18446744073709551615\n", {{"E_INVALID RDY count -1 out of range 0-2500"}, kCloses}},
  }));
}

TEST_P(NsqdTcpCommands, FinReqTouch) {
  Check(ConsumerRows({
      {"FIN\n", {{"E_INVALID FIN insufficient number of params"}, kCloses}},
      {"FIN \n", {{"E_INVALID invalid message ID"}, kCloses}},
      {"FIN abc\n", {{"E_INVALID invalid message ID"}, kCloses}},
      {"FIN 0123456789abcdef0\n", {{"E_INVALID invalid message ID"}, kCloses}},
      {"FIN 0123456789abcdeX\nFIN zzzzzzzzzzzzzzzz more\n",
       {{"E_FIN_FAILED FIN 0123456789abcdeX failed ID not in flight",
         "E_FIN_FAILED FIN zzzzzzzzzzzzzzzz failed ID not in flight"},
        kStays}},
      {"REQ\n", {{"E_INVALID REQ insufficient number of params"}, kCloses}},
      {"REQ 0123456789abcdef\n", {{"E_INVALID REQ insufficient number of params"}, kCloses}},
      {"REQ abc 1\n", {{"E_INVALID invalid message ID"}, kCloses}},
      {"REQ 0123456789abcdef x\n", {{"E_INVALID REQ could not parse timeout x"}, kCloses}},
      {"REQ 0123456789abcdef -1\n", {{"E_INVALID REQ could not parse timeout -1"}, kCloses}},
      {"REQ 0123456789abcdef 1.5\n", {{"E_INVALID REQ could not parse timeout 1.5"}, kCloses}},
      {"REQ 0123456789abcdef 99999999999\nREQ 0123456789abcdef \nREQ 0123456789abcdef "
       "9223372036855\n",
       {{"E_REQ_FAILED REQ 0123456789abcdef failed ID not in flight",
         "E_REQ_FAILED REQ 0123456789abcdef failed ID not in flight",
         "E_REQ_FAILED REQ 0123456789abcdef failed ID not in flight"},
        kStays}},
      {"TOUCH\n", {{"E_INVALID TOUCH insufficient number of params"}, kCloses}},
      {"TOUCH 0123456789abcde\n", {{"E_INVALID invalid message ID"}, kCloses}},
      {"TOUCH 0123456789abcdef\n",
       {{"E_TOUCH_FAILED TOUCH 0123456789abcdef failed ID not in flight"}, kStays}},
      {"CLS and more\n", {{"CLOSE_WAIT"}, kStays}},
  }));
}

TEST_P(NsqdTcpCommands, Pub) {
  Check(Rows({
      {"PUB pub\n" + Body("x"), {{"OK"}, kStays}},
      {"PUB pub and more\n" + Body("x"), {{"OK"}, kStays}},
      {"PUB pub\r\n" + Body("x"), {{"OK"}, kStays}},
      {"PUB " + Many(64) + "\n" + Body("x"), {{"OK"}, kStays}},
      {"PUB pub\n" + Body(Many(1048576)), {{"OK"}, kStays}},
      {"PUB\n", {{"E_INVALID PUB insufficient number of parameters"}, kCloses}},
      {"PUB \n", {{"E_BAD_TOPIC PUB topic name \"\" is not valid"}, kCloses}},
      {"PUB b@d\n", {{"E_BAD_TOPIC PUB topic name \"b@d\" is not valid"}, kCloses}},
      {"PUB \xe2\x80\xa8\n", {{"E_BAD_TOPIC PUB topic name \"\\u2028\" is not valid"}, kCloses}},
      {"PUB " + Many(65) + "\n",
       {{"E_BAD_TOPIC PUB topic name \"" + Many(65) + "\" is not valid"}, kCloses}},
      {"PUB pub\n", {{"E_BAD_MESSAGE PUB failed to read message body size"}, kCut}},
      {"PUB pub\n" + Size(1).substr(2),
       {{"E_BAD_MESSAGE PUB failed to read message body size"}, kCut}},
      {"PUB pub\n" + Size(0), {{"E_BAD_MESSAGE PUB invalid message body size 0"}, kCloses}},
      {"PUB pub\n" + Size(-5), {{"E_BAD_MESSAGE PUB invalid message body size -5"}, kCloses}},
      {"PUB pub\n" + Size(1048577),
       {{"E_BAD_MESSAGE PUB message too big 1048577 > 1048576"}, kCloses}},
      {"PUB pub\n" + Size(2147483647),
       {{"E_BAD_MESSAGE PUB message too big 2147483647 > 1048576"}, kCloses}},
      {"PUB pub\n" + Size(10) + "abc", {{"E_BAD_MESSAGE PUB failed to read message body"}, kCut}},
  }));
}

TEST_P(NsqdTcpCommands, Mpub) {
  const std::string mpub = "MPUB mpub\n";
  Check(Rows({
      {mpub + Body(Bodies({"a", "b"})), {{"OK"}, kStays}},
      {"MPUB mpub and more\n" + Body(Bodies({"a", "b"})), {{"OK"}, kStays}},
      // The declared size is checked and not believed.
      {mpub + Size(1) + Bodies({"a", "b"}) + "NOP\n", {{"OK"}, kStays}},
      {mpub + Size(100) + Bodies({"a", "b"}) + "PUB mpub\n" + Body("z"), {{"OK", "OK"}, kStays}},
      {"MPUB\n", {{"E_INVALID MPUB insufficient number of parameters"}, kCloses}},
      {"MPUB b@d\n", {{"E_BAD_TOPIC E_BAD_TOPIC MPUB topic name \"b@d\" is not valid"}, kCloses}},
      {mpub, {{"E_BAD_BODY MPUB failed to read body size"}, kCut}},
      {mpub + Size(0), {{"E_BAD_BODY MPUB invalid body size 0"}, kCloses}},
      {mpub + Size(-1), {{"E_BAD_BODY MPUB invalid body size -1"}, kCloses}},
      {mpub + Size(5242881), {{"E_BAD_BODY MPUB body too big 5242881 > 5242880"}, kCloses}},
      {mpub + Size(8), {{"E_BAD_BODY MPUB failed to read message count"}, kCut}},
      {mpub + Size(8) + Size(0), {{"E_BAD_BODY MPUB invalid message count 0"}, kCloses}},
      {mpub + Size(8) + Size(-2), {{"E_BAD_BODY MPUB invalid message count -2"}, kCloses}},
      {mpub + Size(8) + Size(1048576),
       {{"E_BAD_BODY MPUB invalid message count 1048576"}, kCloses}},
      {mpub + Size(8) + Size(1048575),
       {{"E_BAD_MESSAGE MPUB failed to read message(0) body size"}, kCut}},
      {mpub + Size(9) + Size(2) + Body("a"),
       {{"E_BAD_MESSAGE MPUB failed to read message(1) body size"}, kCut}},
      {mpub + Size(9) + Size(2) + Body("a") + Size(0),
       {{"E_BAD_MESSAGE MPUB invalid message(1) body size 0"}, kCloses}},
      {mpub + Size(9) + Size(1) + Size(-3),
       {{"E_BAD_MESSAGE MPUB invalid message(0) body size -3"}, kCloses}},
      {mpub + Size(9) + Size(2) + Body("a") + Size(1048577),
       {{"E_BAD_MESSAGE MPUB message too big 1048577 > 1048576"}, kCloses}},
      {mpub + Size(9) + Size(2) + Body("a") + Size(5) + "ab",
       {{"E_BAD_MESSAGE MPUB failed to read message body"}, kCut}},
  }));
}

TEST_P(NsqdTcpCommands, Dpub) {
  Check(Rows({
      {"DPUB dpub 1\n" + Body("x"), {{"OK"}, kStays}},
      {"DPUB dpub 3600000\n" + Body("x"), {{"OK"}, kStays}},
      {"DPUB dpub \n" + Body("x"), {{"OK"}, kStays}},
      {"DPUB dpub 0 more\n" + Body("x"), {{"OK"}, kStays}},
      {"DPUB\n", {{"E_INVALID DPUB insufficient number of parameters"}, kCloses}},
      {"DPUB dpub\n", {{"E_INVALID DPUB insufficient number of parameters"}, kCloses}},
      {"DPUB b@d x\n", {{"E_BAD_TOPIC DPUB topic name \"b@d\" is not valid"}, kCloses}},
      {"DPUB dpub x\n", {{"E_INVALID DPUB could not parse timeout x"}, kCloses}},
      {"DPUB dpub -1\n", {{"E_INVALID DPUB could not parse timeout -1"}, kCloses}},
      {"DPUB dpub 1.0\n", {{"E_INVALID DPUB could not parse timeout 1.0"}, kCloses}},
      {"DPUB dpub 3600001\n", {{"E_INVALID DPUB timeout 3600001 out of range 0-3600000"}, kCloses}},
      {"DPUB dpub 1\n", {{"E_BAD_MESSAGE DPUB failed to read message body size"}, kCut}},
      {"DPUB dpub 1\n" + Size(0), {{"E_BAD_MESSAGE DPUB invalid message body size 0"}, kCloses}},
      {"DPUB dpub 1\n" + Size(-7), {{"E_BAD_MESSAGE DPUB invalid message body size -7"}, kCloses}},
      {"DPUB dpub 1\n" + Size(9999999),
       {{"E_BAD_MESSAGE DPUB message too big 9999999 > 1048576"}, kCloses}},
      {"DPUB dpub 1\n" + Size(3) + "x", {{"E_BAD_MESSAGE DPUB failed to read message body"}, kCut}},
  }));
}

TEST_P(NsqdTcpCommands, AuthWithoutAnAuthServer) {
  Check(Rows({
      {"AUTH x\n", {{"E_INVALID AUTH invalid number of parameters"}, kCloses}},
      {"AUTH \n", {{"E_INVALID AUTH invalid number of parameters"}, kCloses}},
      {"AUTH\n", {{"E_BAD_BODY AUTH failed to read body size"}, kCut}},
      {"AUTH\n" + Size(99999999), {{"E_BAD_BODY AUTH body too big 99999999 > 5242880"}, kCloses}},
      {"AUTH\n" + Size(0), {{"E_BAD_BODY AUTH invalid body size 0"}, kCloses}},
      {"AUTH\n" + Size(-1), {{"E_BAD_BODY AUTH invalid body size -1"}, kCloses}},
      {"AUTH\n" + Size(5) + "ab", {{"E_BAD_BODY AUTH failed to read body"}, kCut}},
      {"AUTH\n" + Body("x"), {{"E_AUTH_DISABLED AUTH disabled"}, kCloses}},
  }));
}

std::string Identify(std::string_view json) { return StrCat("IDENTIFY\n", Body(json)); }

// With feature negotiation, and `fields` behind.
std::string Negotiate(std::string_view fields) {
  return Identify(StrCat(R"({"feature_negotiation":true)", fields, "}"));
}

struct Negotiated {
  int msg_timeout = 60000;
  const char* deflate = "false";
  int deflate_level = 6;
  const char* snappy = "false";
  int sample_rate = 0;
  int output_buffer_size = 16384;
  int output_buffer_timeout = 250;
};

std::string Answer(const Negotiated& negotiated) {
  return StrCat(
      R"({"max_rdy_count":2500,"version":"1.3.0","max_msg_timeout":900000,"msg_timeout":)",
      negotiated.msg_timeout, R"(,"tls_v1":false,"deflate":)", negotiated.deflate,
      R"(,"deflate_level":)", negotiated.deflate_level, R"(,"max_deflate_level":6,"snappy":)",
      negotiated.snappy, R"(,"sample_rate":)", negotiated.sample_rate,
      R"(,"auth_required":false,"output_buffer_size":)", negotiated.output_buffer_size,
      R"(,"output_buffer_timeout":)", negotiated.output_buffer_timeout,
      R"(,"topology_region":"","topology_zone":""})");
}

TEST_P(NsqdTcpCommands, IdentifyAnswers) {
  Check(Rows({
      {Identify("{}"), {{"OK"}, kStays}},
      {"IDENTIFY and more\n" + Body("{}"), {{"OK"}, kStays}},
      {Identify("null"), {{"OK"}, kStays}},
      {Identify("{}  \n"), {{"OK"}, kStays}},
      {Identify(R"({"tls_v1":true,"snappy":true,"deflate":true})"), {{"OK"}, kStays}},
      {Identify(R"({"client_id":null,"x":{"y":[1]},"x":2,"short_id":"a","long_id":"b"})"),
       {{"OK"}, kStays}},
      {Negotiate(""), {{Answer({})}, kStays}},
      {Identify(R"({"Feature_Negotiation":true,"HEARTBEAT_interval":1000})"),
       {{Answer({})}, kStays}},
      {Identify(R"({"feature_negotiation":true,"feature_negotiation":false})"), {{"OK"}, kStays}},
      {Negotiate(R"(,"tls_v1":true)"), {{Answer({})}, kStays}},
      {Negotiate(R"(,"heartbeat_interval":60000)"), {{Answer({})}, kStays}},
      {Negotiate(R"(,"heartbeat_interval":-1)"), {{Answer({})}, kStays}},
      {Negotiate(R"(,"output_buffer_size":64)"), {{Answer({.output_buffer_size = 64})}, kStays}},
      {Negotiate(R"(,"output_buffer_size":65536)"),
       {{Answer({.output_buffer_size = 65536})}, kStays}},
      {Negotiate(R"(,"output_buffer_size":-1,"output_buffer_timeout":100)"),
       {{Answer({.output_buffer_size = 1, .output_buffer_timeout = 0})}, kStays}},
      {Negotiate(R"(,"output_buffer_timeout":25)"),
       {{Answer({.output_buffer_timeout = 25})}, kStays}},
      {Negotiate(R"(,"output_buffer_timeout":30000)"),
       {{Answer({.output_buffer_timeout = 30000})}, kStays}},
      {Negotiate(R"(,"output_buffer_timeout":-1)"),
       {{Answer({.output_buffer_timeout = 0})}, kStays}},
      {Negotiate(R"(,"sample_rate":99,"msg_timeout":1000)"),
       {{Answer({.msg_timeout = 1000, .sample_rate = 99})}, kStays}},
      {Negotiate(R"(,"msg_timeout":900000)"), {{Answer({.msg_timeout = 900000})}, kStays}},
      {Negotiate(R"(,"deflate_level":9)"), {{Answer({})}, kStays}},
      {Negotiate(R"(,"msg_timeout":2000)") + Negotiate(""),
       {{Answer({.msg_timeout = 2000}), Answer({.msg_timeout = 2000})}, kStays}},
      {Negotiate("") + "SUB identify c\n", {{Answer({}), "OK"}, kStays}},
  }));
}

TEST_P(NsqdTcpCommands, IdentifyErrors) {
  const std::string undecodable = "E_BAD_BODY IDENTIFY failed to decode JSON body";
  Check(Rows({
      {"IDENTIFY\n", {{"E_BAD_BODY IDENTIFY failed to read body size"}, kCut}},
      {"IDENTIFY\n" + Size(5242881),
       {{"E_BAD_BODY IDENTIFY body too big 5242881 > 5242880"}, kCloses}},
      {"IDENTIFY\n" + Size(0), {{"E_BAD_BODY IDENTIFY invalid body size 0"}, kCloses}},
      {"IDENTIFY\n" + Size(-1), {{"E_BAD_BODY IDENTIFY invalid body size -1"}, kCloses}},
      {"IDENTIFY\n" + Size(5) + "{}", {{"E_BAD_BODY IDENTIFY failed to read body"}, kCut}},
      {Identify("[]"), {{undecodable}, kCloses}},
      {Identify("\"x\""), {{undecodable}, kCloses}},
      {Identify("rubbish"), {{undecodable}, kCloses}},
      {Identify("{} x"), {{undecodable}, kCloses}},
      {Identify(R"({"heartbeat_interval":1000.0})"), {{undecodable}, kCloses}},
      {Identify(R"({"heartbeat_interval":1e3})"), {{undecodable}, kCloses}},
      {Identify(R"({"heartbeat_interval":"1000"})"), {{undecodable}, kCloses}},
      {Identify(R"({"client_id":5})"), {{undecodable}, kCloses}},
      {Identify(R"({"feature_negotiation":1})"), {{undecodable}, kCloses}},
      {Identify(R"({"sample_rate":99999999999})"), {{undecodable}, kCloses}},
      {Identify(R"({"heartbeat_interval":999})"),
       {{"E_BAD_BODY IDENTIFY heartbeat interval (999) is invalid"}, kCloses}},
      {Identify(R"({"heartbeat_interval":60001})"),
       {{"E_BAD_BODY IDENTIFY heartbeat interval (60001) is invalid"}, kCloses}},
      {Identify(R"({"heartbeat_interval":-2})"),
       {{"E_BAD_BODY IDENTIFY heartbeat interval (-2) is invalid"}, kCloses}},
      {Identify(R"({"output_buffer_timeout":24})"),
       {{"E_BAD_BODY IDENTIFY output buffer timeout (24) is invalid"}, kCloses}},
      {Identify(R"({"output_buffer_timeout":30001,"output_buffer_size":63})"),
       {{"E_BAD_BODY IDENTIFY output buffer timeout (30001) is invalid"}, kCloses}},
      {Identify(R"({"output_buffer_size":63})"),
       {{"E_BAD_BODY IDENTIFY output buffer size (63) is invalid"}, kCloses}},
      {Identify(R"({"output_buffer_size":65537,"sample_rate":100})"),
       {{"E_BAD_BODY IDENTIFY output buffer size (65537) is invalid"}, kCloses}},
      {Identify(R"({"sample_rate":100,"msg_timeout":1})"),
       {{"E_BAD_BODY IDENTIFY sample rate (100) is invalid"}, kCloses}},
      {Identify(R"({"sample_rate":-1})"),
       {{"E_BAD_BODY IDENTIFY sample rate (-1) is invalid"}, kCloses}},
      {Identify(R"({"msg_timeout":999})"),
       {{"E_BAD_BODY IDENTIFY msg timeout (999) is invalid"}, kCloses}},
      {Identify(R"({"msg_timeout":900001})"),
       {{"E_BAD_BODY IDENTIFY msg timeout (900001) is invalid"}, kCloses}},
      {Negotiate(R"(,"snappy":true,"deflate":true)"),
       {{"E_IDENTIFY_FAILED cannot enable both deflate and snappy compression"}, kCloses}},
  }));
}

INSTANTIATE_TEST_SUITE_P(, NsqdTcpCommands, testing::ValuesIn(Loops()), LoopsName);

}  // namespace
}  // namespace nsq::conformance
