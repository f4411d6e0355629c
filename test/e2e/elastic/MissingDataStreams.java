import java.io.IOException;
import java.util.Collection;
import java.util.List;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.elasticsearch.action.ActionListener;
import org.elasticsearch.action.ActionRequest;
import org.elasticsearch.action.ActionResponse;
import org.elasticsearch.action.datastreams.ModifyDataStreamsAction;
import org.elasticsearch.action.support.ActionFilters;
import org.elasticsearch.action.support.master.AcknowledgedResponse;
import org.elasticsearch.action.support.master.AcknowledgedTransportMasterNodeAction;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.block.ClusterBlockException;
import org.elasticsearch.cluster.block.ClusterBlockLevel;
import org.elasticsearch.cluster.metadata.IndexNameExpressionResolver;
import org.elasticsearch.cluster.metadata.MetadataDataStreamsService;
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.common.io.stream.NamedWriteableRegistry;
import org.elasticsearch.common.settings.ClusterSettings;
import org.elasticsearch.common.settings.IndexScopedSettings;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.settings.SettingsFilter;
import org.elasticsearch.common.util.concurrent.EsExecutors;
import org.elasticsearch.features.NodeFeature;
import org.elasticsearch.injection.guice.Inject;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestController;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.action.RestToXContentListener;
import org.elasticsearch.tasks.Task;
import org.elasticsearch.threadpool.ThreadPool;
import org.elasticsearch.transport.TransportService;

/**
 * The way in to the server's own change of a data stream (POST _data_stream/_modify), which lies in the module
 * data-streams, which the stripped distribution lacks. What the change does is the server's.
 */
public class MissingDataStreams extends Plugin implements ActionPlugin {
  @Override
  public Collection<ActionHandler<? extends ActionRequest, ? extends ActionResponse>> getActions() {
    return List.of(new ActionHandler<>(ModifyDataStreamsAction.INSTANCE, Modify.class));
  }

  @Override
  public Collection<RestHandler> getRestHandlers(
      Settings settings,
      NamedWriteableRegistry writeables,
      RestController controller,
      ClusterSettings clusterSettings,
      IndexScopedSettings indexSettings,
      SettingsFilter filter,
      IndexNameExpressionResolver names,
      Supplier<DiscoveryNodes> nodes,
      Predicate<NodeFeature> features) {
    return List.of(new Door());
  }

  public static final class Modify extends AcknowledgedTransportMasterNodeAction<ModifyDataStreamsAction.Request> {
    private final MetadataDataStreamsService service;

    @Inject
    public Modify(
        TransportService transport,
        ClusterService cluster,
        ThreadPool threads,
        ActionFilters filters,
        MetadataDataStreamsService service) {
      super(
          ModifyDataStreamsAction.NAME,
          transport,
          cluster,
          threads,
          filters,
          ModifyDataStreamsAction.Request::new,
          EsExecutors.DIRECT_EXECUTOR_SERVICE);
      this.service = service;
    }

    @Override
    protected void masterOperation(
        Task task,
        ModifyDataStreamsAction.Request request,
        ClusterState state,
        ActionListener<AcknowledgedResponse> listener) {
      service.modifyDataStream(request, listener);
    }

    @Override
    protected ClusterBlockException checkBlock(ModifyDataStreamsAction.Request request, ClusterState state) {
      return state.blocks().globalBlockedException(ClusterBlockLevel.METADATA_WRITE);
    }
  }

  private static final class Door extends BaseRestHandler {
    @Override
    public String getName() {
      return "missing_modify_data_stream";
    }

    @Override
    public List<Route> routes() {
      return List.of(new Route(RestRequest.Method.POST, "/_data_stream/_modify"));
    }

    @Override
    protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) throws IOException {
      try (var parser = request.contentParser()) {
        var asked = ModifyDataStreamsAction.Request.PARSER.parse(
            parser,
            (actions) -> new ModifyDataStreamsAction.Request(
                request.paramAsTime("master_timeout", org.elasticsearch.core.TimeValue.timeValueSeconds(30)),
                request.paramAsTime("timeout", org.elasticsearch.core.TimeValue.timeValueSeconds(30)),
                actions));
        return channel -> client.execute(ModifyDataStreamsAction.INSTANCE, asked, new RestToXContentListener<>(channel));
      }
    }
  }
}
