import Testing

@testable import Support

@Suite struct AvailableProcessorsTests {
    @Test(
        arguments: [
            (4, nil, 4), (4, 2.0, 2), (4, 1.5, 2), (4, 0.25, 1), (2, 64.0, 2), (4, -1.0, 4), (4, 0.0, 4), (1, 1.0, 1),
            (4, .infinity, 4), (4, .nan, 4),
        ] as [(Int, Double?, Int)])
    func `a quota of time counts where it is less than the affinity mask`(mask: Int, quota: Double?, expected: Int) {
        #expect(AvailableProcessors.count(mask: mask, quota: quota) == expected)
    }

    @Test func `there is always one processor`() {
        #expect(AvailableProcessors.count >= 1)
        #expect(AvailableProcessors.count(mask: 0, quota: nil) == 1)
    }

    private func quota(_ files: [String: String]) -> Double? { AvailableProcessors.quota { files[$0] } }

    @Test func `the least quota of a group and those above it counts`() {
        var files = [
            "/proc/self/cgroup": "0::/user.slice/run-1\n", "/sys/fs/cgroup/user.slice/run-1/cpu.max": "300000 100000\n",
        ]
        #expect(quota(files) == 3)
        files["/sys/fs/cgroup/user.slice/cpu.max"] = "150000 100000\n"
        #expect(quota(files) == 1.5)
        files["/sys/fs/cgroup/user.slice/cpu.max"] = "max 100000\n"
        #expect(quota(files) == 3)
    }

    @Test func `in a container the path may be the host's`() {
        #expect(
            quota(["/proc/self/cgroup": "0::/docker/0a1b\n", "/sys/fs/cgroup/cpu.max": "200000 100000"]) == 2)
        #expect(quota(["/proc/self/cgroup": "0::/../other\n", "/sys/fs/cgroup/cpu.max": "50000 100000"]) == 0.5)
    }

    @Test func `control groups of version 1 are read too`() {
        var files = [
            "/proc/self/cgroup": "7:memory:/m\n4:cpu,cpuacct:/job\n",
            "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "250000\n",
            "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
        ]
        #expect(quota(files) == 2.5)
        files["/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us"] = "-1\n"
        #expect(quota(files) == nil)
    }

    @Test(arguments: ["", "max", "x y", "1 0", "-5 100000", "100000", "nan 1", "1 2 3"])
    func `what is not understood limits nothing`(text: String) {
        #expect(quota(["/proc/self/cgroup": "0::/a\n", "/sys/fs/cgroup/a/cpu.max": text]).map { $0 > 0 } != true)
        #expect(AvailableProcessors.count(mask: 4, quota: quota([:])) == 4)
    }
}
