import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

/**
 * TLS client and server that are told what to do on standard input. Each line begins with a number, and so does its answer; see
 * peer.js, which knows the same commands. Sessions are resumed by the library, which knows them by port.
 */
public class Peer {
    private static SSLContext clients; // with its sessions
    private static SSLSocket connection;
    private static BufferedReader from;

    public static void main(String[] args) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = lines.readLine()) != null; ) {
            String[] words = line.split(" ");
            String answer;
            try {
                switch (words[1]) {
                    case "serve": answer = serve(words[2]); break;
                    case "connect": answer = connect(Integer.parseInt(words[2]), words[3], words[4]); break;
                    default: answer = close();
                }
            } catch (Exception e) {
                answer = "failed: " + e;
            }
            System.out.println(words[0] + " " + answer);
        }
        System.exit(0);
    }

    private static String serve(String file) throws Exception {
        SSLServerSocket listener = (SSLServerSocket) context(file).getServerSocketFactory()
            .createServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
        listener.setWantClientAuth(true);
        new Thread(() -> {
            while (true) {
                try {
                    Socket accepted = listener.accept();
                    new Thread(() -> {
                        try (Socket socket = accepted) {
                            socket.getInputStream().transferTo(socket.getOutputStream());
                        } catch (Exception e) {
                            System.err.println(e);
                        }
                    }).start();
                } catch (Exception e) {
                    return;
                }
            }
        }).start();
        return "" + listener.getLocalPort();
    }

    private static String connect(int port, String version, String file) throws Exception {
        if (clients == null) {
            clients = context(file);
        }
        long start = System.currentTimeMillis();
        Socket tcp = new Socket("127.0.0.1", port);
        connection = (SSLSocket) clients.getSocketFactory().createSocket(tcp, "localhost", port, true);
        SSLParameters parameters = connection.getSSLParameters();
        parameters.setServerNames(List.of(new SNIHostName("localhost"))); // by itself it names only hosts with a dot
        parameters.setProtocols(new String[] {"TLSv" + version});
        connection.setSSLParameters(parameters);
        connection.getOutputStream().write("ECHO ping-pong\n".getBytes());
        from = new BufferedReader(new InputStreamReader(connection.getInputStream()));
        String answer = from.readLine();
        return (connection.getSession().getCreationTime() < start ? "resumed " : "new ") + answer;
    }

    private static String close() throws Exception {
        connection.shutdownOutput();
        while (from.read() >= 0) {}
        connection.close();
        return "closed";
    }

    private static SSLContext context(String file) throws Exception {
        String pem = Files.readString(Path.of(file));
        Certificate certificate = CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(pem.getBytes()));
        String key = pem.replaceAll("(?s).*-----BEGIN PRIVATE KEY-----|-----END PRIVATE KEY-----.*", "");
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setKeyEntry("identity",
            KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(key))),
            new char[0], new Certificate[] {certificate});
        KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
        keys.init(store, new char[0]);
        TrustManager trustAll = new X509TrustManager() {
            public void checkClientTrusted(X509Certificate[] chain, String type) {}
            public void checkServerTrusted(X509Certificate[] chain, String type) {}
            public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
        };
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), new TrustManager[] {trustAll}, null);
        return context;
    }
}
