/// One thing that Firecracker can be asked.
package struct Operation: Sendable {
    /// In which of a process's times it is taken.
    package enum Time: Sendable {
        case always
        /// Before there is a machine, and not after.
        case before
        case after
    }

    package let method: String
    /// With `*` for a name that the asker chooses.
    package let path: String
    package let time: Time
    /// Whether a snapshot can be loaded no more after it.
    package let configures: Bool
    package let body: Shape?
}

/// Firecracker's API as its version 1.17 describes it (`src/firecracker/swagger/firecracker.yaml`; which operation is taken when:
/// `src/vmm/src/rpc_interface.rs`): every operation, and every member of the objects that they take.
package enum Description {
    package static let operations: [Operation] =
        before + after + always

    private static let before: [Operation] = [
        configure(
            "/boot-source",
            [
                .required("kernel_image_path", .string), .optional("initrd_path", .string),
                .optional("boot_args", .string),
            ]
        ),
        configure("/machine-config", machine(isPartial: false)),
        Operation(
            method: "PATCH",
            path: "/machine-config",
            time: .before,
            configures: true,
            body: .object(machine(isPartial: true))
        ),
        configure("/drives/*", drive),
        configure(
            "/pmem/*",
            [
                .required("id", .string), .required("path_on_host", .string), .optional("root_device", .boolean),
                .optional("read_only", .boolean), .optional("rate_limiter", rateLimiter),
            ]
        ),
        configure(
            "/network-interfaces/*",
            [
                .required("iface_id", .string), .required("host_dev_name", .string), .optional("guest_mac", .string),
                .optional("mtu", .integer(68...65535)), .optional("rx_rate_limiter", rateLimiter),
                .optional("tx_rate_limiter", rateLimiter),
            ]
        ),
        configure(
            "/vsock",
            [
                .required("guest_cid", .integer(3...Int(UInt32.max))), .required("uds_path", .string),
                .optional("vsock_id", .string),
            ]
        ),
        configure(
            "/balloon",
            [
                .required("amount_mib", .count), .required("deflate_on_oom", .boolean),
                .optional("stats_polling_interval_s", .count), .optional("free_page_hinting", .boolean),
                .optional("free_page_reporting", .boolean),
            ]
        ),
        configure("/entropy", [.optional("rate_limiter", rateLimiter)]),
        configure(
            "/hotplug/memory",
            [
                .optional("total_size_mib", .count), .optional("slot_size_mib", .integer(128...Int.max)),
                .optional("block_size_mib", .integer(2...Int.max)),
            ]
        ),
        configure(
            "/mmds/config",
            [
                .required("network_interfaces", .array(.string)), .optional("version", .oneOf(["V1", "V2"])),
                .optional("ipv4_address", .string), .optional("imds_compat", .boolean),
            ]
        ),
        // These leave a process as good as fresh.
        put("/cpu-config", .before, .any),
        put(
            "/logger",
            .before,
            .object([
                .optional("log_path", .string), .optional("level", .string), .optional("show_level", .boolean),
                .optional("show_log_origin", .boolean), .optional("module", .string),
            ])
        ),
        put("/metrics", .before, .object([.required("metrics_path", .string)])),
        put(
            "/serial",
            .before,
            .object([.optional("serial_out_path", .string), .optional("rate_limiter", tokenBucket)])
        ),
        put("/snapshot/load", .before, .object(load)),
    ]

    private static let after: [Operation] = [
        put(
            "/snapshot/create",
            .after,
            .object([
                .required("snapshot_path", .string), .required("mem_file_path", .string),
                .optional("snapshot_type", .oneOf(["Full", "Diff"])),
            ])
        ),
        patch("/vm", [.required("state", .oneOf(["Paused", "Resumed"]))]),
        patch(
            "/drives/*",
            [
                .required("drive_id", .string), .optional("path_on_host", .string),
                .optional("rate_limiter", rateLimiter),
            ]
        ),
        patch("/pmem/*", [.required("id", .string), .optional("rate_limiter", rateLimiter)]),
        patch(
            "/network-interfaces/*",
            [
                .required("iface_id", .string), .optional("rx_rate_limiter", rateLimiter),
                .optional("tx_rate_limiter", rateLimiter),
            ]
        ),
        patch("/balloon", [.required("amount_mib", .count)]),
        patch("/balloon/statistics", [.required("stats_polling_interval_s", .count)]),
        patch("/balloon/hinting/start", [.optional("acknowledge_on_stop", .boolean)]),
        Operation(method: "PATCH", path: "/balloon/hinting/stop", time: .after, configures: false, body: nil),
        patch("/hotplug/memory", [.optional("requested_size_mib", .count)]),
        get("/balloon/statistics", .after), get("/balloon/hinting/status", .after), get("/hotplug/memory", .after),
    ]

    private static let always: [Operation] = [
        // Of its three, one is for before and the others are for after.
        put(
            "/actions",
            .always,
            .object([.required("action_type", .oneOf(["FlushMetrics", "InstanceStart", "SendCtrlAltDel"]))])
        ),
        put("/mmds", .always, .any),
        Operation(method: "PATCH", path: "/mmds", time: .always, configures: false, body: .any),
        get("/", .always), get("/version", .always), get("/machine-config", .always), get("/vm/config", .always),
        get("/balloon", .always), get("/mmds", .always),
    ]

    // MARK: Objects

    private static let tokenBucket = Shape.object([
        .required("size", .count), .required("refill_time", .count), .optional("one_time_burst", .count),
    ])

    private static let rateLimiter = Shape.object([.optional("bandwidth", tokenBucket), .optional("ops", tokenBucket)])

    private static let drive: [Shape.Member] = [
        .required("drive_id", .string), .required("is_root_device", .boolean), .optional("path_on_host", .string),
        .optional("is_read_only", .boolean), .optional("partuuid", .string),
        .optional("cache_type", .oneOf(["Unsafe", "Writeback"])), .optional("io_engine", .oneOf(["Sync", "Async"])),
        .optional("rate_limiter", rateLimiter), .optional("socket", .string),
    ]

    private static let load: [Shape.Member] = [
        .required("snapshot_path", .string), .optional("mem_file_path", .string),
        .optional(
            "mem_backend",
            .object([.required("backend_type", .oneOf(["File", "Uffd"])), .required("backend_path", .string)])
        ),
        .optional("resume_vm", .boolean), .optional("track_dirty_pages", .boolean),
        .optional("enable_diff_snapshots", .boolean),
        .optional(
            "network_overrides",
            .array(.object([.required("iface_id", .string), .required("host_dev_name", .string)]))
        ),
        .optional("vsock_override", .object([.required("uds_path", .string)])), .optional("clock_realtime", .boolean),
    ]

    private static func machine(isPartial: Bool) -> [Shape.Member] {
        let need = isPartial ? Shape.Member.optional : Shape.Member.required
        return [
            need("vcpu_count", .integer(1...32)), need("mem_size_mib", .integer(1...Int.max)),
            .optional("smt", .boolean),
            .optional("track_dirty_pages", .boolean), .optional("huge_pages", .oneOf(["None", "Transparent", "2M"])),
            .optional("cpu_template", .oneOf(["C3", "T2", "T2S", "T2CL", "T2A", "V1N1", "None"])),
        ]
    }

    private static func put(_ path: String, _ time: Operation.Time, _ body: Shape) -> Operation {
        Operation(method: "PUT", path: path, time: time, configures: false, body: body)
    }

    private static func configure(_ path: String, _ members: [Shape.Member]) -> Operation {
        Operation(method: "PUT", path: path, time: .before, configures: true, body: .object(members))
    }

    private static func patch(_ path: String, _ members: [Shape.Member]) -> Operation {
        Operation(method: "PATCH", path: path, time: .after, configures: false, body: .object(members))
    }

    private static func get(_ path: String, _ time: Operation.Time) -> Operation {
        Operation(method: "GET", path: path, time: time, configures: false, body: nil)
    }

    /// The operation, and the name that the asker has chosen.
    package static func operation(_ method: String, _ path: String) -> (Operation, name: String?)? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        for operation in operations where operation.method == method {
            let pattern = operation.path.split(separator: "/", omittingEmptySubsequences: false)
            guard pattern.count == parts.count else { continue }
            guard zip(pattern, parts).allSatisfy({ $0 == $1 || ($0 == "*" && !$1.isEmpty) }) else { continue }
            return (operation, pattern.last == "*" ? parts.last.map(String.init) : nil)
        }
        return nil
    }
}
