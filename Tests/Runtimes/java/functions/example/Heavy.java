package example;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.TrustManagerFactory;

/** Uses what a virtual machine needs of the system. */
public class Heavy {
    /** Makes and drops megabytes. */
    public int garbage(int megabytes) {
        int made = 0;
        for (; made < megabytes; made += 1) {
            byte[] block = new byte[1 << 20];
            block[made] = 1;
        }
        return made;
    }

    public Map<String, Object> look(String event) throws Exception {
        Map<String, Object> seen = new HashMap<>();
        seen.put("threads", threads());
        byte[] digest = MessageDigest.getInstance("SHA-256").digest("test".getBytes(StandardCharsets.UTF_8));
        StringBuilder hexadecimal = new StringBuilder();
        for (byte value : digest) {
            hexadecimal.append(String.format("%02x", value));
        }
        seen.put("digest", hexadecimal.toString());
        Path file = new File("/tmp/é").toPath();
        Files.write(file, "x".getBytes(StandardCharsets.UTF_8));
        seen.put("file", new File("/tmp").list((parent, name) -> name.equals("é"))[0]);
        seen.put("user", System.getProperty("user.name"));
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init((KeyStore) null);
        seen.put("certificates", trust.getTrustManagers().length > 0);
        Process child = new ProcessBuilder("/bin/echo", "child").start();
        seen.put("child", new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
        child.waitFor();
        return seen;
    }

    private static int threads() throws InterruptedException {
        AtomicInteger ran = new AtomicInteger();
        CountDownLatch ready = new CountDownLatch(50);
        for (int index = 0; index < 50; index += 1) {
            new Thread(() -> {
                ran.incrementAndGet();
                ready.countDown();
            }).start();
        }
        ready.await();
        return ran.get();
    }
}
