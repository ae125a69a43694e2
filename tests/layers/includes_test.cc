#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

// The linker cannot see a header that is included from above: includes point downwards only.

namespace nsq {
namespace {

namespace fs = std::filesystem;

// A folder, and those of ours below it that it may include; its own is always allowed.
const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"common", {}},
    {"common/metrics", {"common"}},
    {"common/event", {"common", "common/metrics"}},
    {"common/filters", {"common", "common/event"}},
    {"common/wire", {"common", "common/event"}},
    {"common/config", {"common", "common/wire"}},
    {"common/http", {"common", "common/event", "common/filters", "common/wire", "common/config"}},
    {"common/debug", {"common", "common/event", "common/config", "common/http", "common/metrics"}},
    {"nsqd", {"common", "nsqd/storage"}},  // options.h
    {"nsqd/storage", {"common", "common/event", "common/metrics", "common/wire"}},
    {"nsqd/queue",
     {"common", "common/event", "common/metrics", "common/wire", "nsqd", "nsqd/storage"}},
    {"nsqd/protocol",
     {"common", "common/event", "common/filters", "common/wire", "nsqd", "nsqd/storage",
      "nsqd/queue"}},
    {"nsqd/http",
     {"common", "common/event", "common/wire", "common/config", "common/debug", "common/http",
      "common/metrics", "nsqd", "nsqd/queue"}},
};

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

// What a file includes of ours: paths with a folder in quotes.
std::vector<std::string> OwnIncludes(const fs::path& file) {
  static const std::string kStart = "#include \"";
  std::vector<std::string> includes;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(kStart, 0) != 0) continue;
    includes.push_back(line.substr(kStart.size(), line.rfind('"') - kStart.size()));
  }
  return includes;
}

std::vector<fs::path> SourcesBelow(const std::string& folder) {
  std::vector<fs::path> sources;
  const fs::path root = fs::path(NSQ_SOURCE_DIR) / folder;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string extension = entry.path().extension();
    if (extension == ".h" || extension == ".cc") sources.push_back(entry.path());
  }
  return sources;
}

std::string RelativeFolder(const fs::path& file) {
  return fs::relative(file.parent_path(), NSQ_SOURCE_DIR).string();
}

TEST(LayersTest, IncludesPointDownwards) {
  size_t checked = 0;
  for (const std::string top : {"common", "nsqd"}) {
    for (const fs::path& file : SourcesBelow(top)) {
      const std::string folder = RelativeFolder(file);
      const auto allowed = kMayInclude.find(folder);
      if (allowed == kMayInclude.end()) continue;  // nsqd/daemon: may include all of nsqd
      for (const std::string& include : OwnIncludes(file)) {
        const std::string target = FolderOf(include);
        EXPECT_TRUE(target == folder || allowed->second.contains(target))
            << file << " includes " << include;
        ++checked;
      }
    }
  }
  EXPECT_GT(checked, 300u) << "the sources were not found";
}

TEST(LayersTest, DaemonsStandOnCommonAlone) {
  for (const std::string top : {"lookupd", "admin", "clients"}) {
    for (const fs::path& file : SourcesBelow(top)) {
      for (const std::string& include : OwnIncludes(file)) {
        EXPECT_TRUE(include.starts_with("common/") || include.starts_with(top + "/"))
            << file << " includes " << include;
      }
    }
  }
}

// Each of these costs seconds in every file that sees it (see the README of common/http).
TEST(LayersTest, HeavyHeadersStayInSourceFiles) {
  for (const std::string top : {"common", "nsqd", "lookupd", "admin", "clients"}) {
    for (const fs::path& file : SourcesBelow(top)) {
      if (file.extension() != ".h") continue;
      std::ifstream in(file);
      const std::string text(std::istreambuf_iterator<char>(in), {});
      for (const char* heavy :
           {"httplib.h", "nlohmann/json.hpp", "event2/", "<iostream>", "<regex>", "toml++/"}) {
        EXPECT_EQ(text.find(std::string("#include <") + heavy), std::string::npos)
            << file << " includes " << heavy;
      }
    }
  }
}

}  // namespace
}  // namespace nsq
