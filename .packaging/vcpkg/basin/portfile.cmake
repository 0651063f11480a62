# An overlay port, for the tree in which it lies. A registry would fetch the sources instead, by vcpkg_from_git or
# vcpkg_from_github.
cmake_path(SET SOURCE_PATH NORMALIZE "${CURRENT_PORT_DIR}/../../..")

# Without the feature, basin::io stays out even where its packages happen to be there.
set(leave_io_out ON)
if("io" IN_LIST FEATURES)
  set(leave_io_out OFF)
endif()
vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    -DBASIN_INSTALL=ON
    -DBASIN_TESTS=OFF
    -DBASIN_EXAMPLES=OFF
    -DBASIN_BENCHMARKS=OFF
    -DCMAKE_DISABLE_FIND_PACKAGE_xtensor=${leave_io_out}
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/basin)
vcpkg_fixup_pkgconfig()
if("io" IN_LIST FEATURES AND NOT EXISTS "${CURRENT_PACKAGES_DIR}/share/basin/basinIoTargets.cmake")
  message(FATAL_ERROR "basin: the feature io was asked for, and a package that it needs was not found")
endif()

# Headers alone: nothing depends on the kind of build.
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug" "${CURRENT_PACKAGES_DIR}/lib" "${CURRENT_PACKAGES_DIR}/share/doc")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
