import Testing

@testable import SandboxNamespaces

@Suite struct CgroupLayoutTests {
    @Test func findsTheUnifiedTreeOfAService() {
        let layout = CgroupLayout(
            mounts: """
                24 30 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw
                35 24 0:30 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate
                """,
            membership: "0::/system.slice/swiftlet.service\n"
        )
        #expect(layout.unified == "/sys/fs/cgroup/system.slice/swiftlet.service")
        #expect(layout.unifiedRoot == "/sys/fs/cgroup")
        #expect(layout.legacy.isEmpty)
    }

    @Test func findsBothKindsOfTreesOfAHybridHost() {
        let layout = CgroupLayout(
            mounts: """
                35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
                36 31 0:33 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:1 - cgroup cgroup rw,cpu,cpuacct
                37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
                40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
                41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
                """,
            membership: "9:name=systemd:/x\n6:freezer:/\n4:memory:/a/b\n1:cpu,cpuacct:/c\n0::/\n"
        )
        #expect(layout.unified == "/sys/fs/cgroup/unified")
        #expect(
            layout.legacy == [
                .memory: "/sys/fs/cgroup/memory/a/b", .cpu: "/sys/fs/cgroup/cpu,cpuacct/c",
                .freezer: "/sys/fs/cgroup/freezer",
            ]
        )
    }

    @Test func findsItsOwnGroupWhereAContainerSeesOnlyPartOfATree() {
        let layout = CgroupLayout(
            mounts: """
                50 49 0:32 /docker/abc /sys/fs/cgroup/memory ro,relatime - cgroup cgroup rw,memory
                51 49 0:33 /docker/abc /sys/fs/cgroup/pids ro,relatime - cgroup cgroup rw,pids
                """,
            membership: "4:memory:/docker/abc\n5:pids:/docker/abc/inner\n"
        )
        #expect(layout.unified == nil)
        #expect(layout.legacy == [.memory: "/sys/fs/cgroup/memory", .pids: "/sys/fs/cgroup/pids/inner"])
    }

    @Test func readsPathsAsTheKernelWritesThem() {
        let layout = CgroupLayout(
            mounts: #"35 24 0:30 / /mnt/c\040group\134x rw - cgroup2 cgroup2 rw"#,
            membership: "0::/a\n"
        )
        #expect(layout.unified == #"/mnt/c group\x/a"#)
    }

    @Test(arguments: ["", "\n\n", "nonsense", "1 2 3 4 5 6 - cgroup2", "- - - - - - - - -", "0::", "::::", "1:memory"])
    func findsNothingInNonsense(text: String) {
        let layout = CgroupLayout(mounts: text, membership: text)
        #expect(layout.unified == nil)
        #expect(layout.legacy.isEmpty)
    }
}

@Suite struct HostRightsTests {
    @Test(
        arguments: [
            ("0          0 4294967295\n", "CapEff:\t000001ffffffffff\n", true),
            ("         0          0 4294967295\n", "Name:\tx\nCapEff:\t0000000000200000\n", true),
            ("0 0 4294967295", "CapEff:\t0000000000000000\n", false),
            ("0 100000 65536", "CapEff:\t000001ffffffffff\n", false), ("", "", false),
        ]
    )
    func areThoseOfRootOnlyWithTheCapabilityOnTheHost(userMap: String, status: String, isPrivileged: Bool) {
        #expect(HostRights(userMap: userMap, status: status).isPrivileged == isPrivileged)
    }
}
