# cmake -DOUT=web_assets.cc -DROOT=web -DFILES=a;b -P embed.cmake
#
# Writes a C++ file that holds the files and FindAsset (admin/pages.h), so that the program needs
# nothing beside itself.
set(arrays "")
set(table "")
set(i 0)
foreach(name IN LISTS FILES)
  file(READ ${ROOT}/${name} hex HEX)
  string(LENGTH "${hex}" digits)
  math(EXPR bytes "${digits} / 2")
  string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," hex "${hex}")
  string(APPEND arrays "constexpr char kFile${i}[] = {${hex}'\\0'};\n")
  string(APPEND table "    {\"${name}\", {kFile${i}, ${bytes}}},\n")
  math(EXPR i "${i} + 1")
endforeach()
file(WRITE ${OUT} "// Written by admin/cmake/embed.cmake.
#include \"admin/pages.h\"

namespace nsq::admin {
namespace {

${arrays}
constexpr Asset kAssets[] = {
${table}};

}  // namespace

const Asset* FindAsset(std::string_view name) {
  for (const Asset& asset : kAssets) {
    if (asset.name == name) return &asset;
  }
  return nullptr;
}

}  // namespace nsq::admin
")
